import type { HrTime, ObservableResult } from '@opentelemetry/api';
import type { MeterProvider, MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';

/** Values by attributes: of what the SDK has for it, only `entries` is used. */
type Measurements = Map<object, number>;

/** `ValueType.INT` of the API. */
const INT = 0;

// What MeterProvider keeps to itself, the same in SDK 2 and 3.
interface Instrument {
  readonly _descriptor: { readonly valueType: number };
  readonly _metricStorages: Iterable<{ record(measurements: Measurements, time: HrTime): void }>;
}
interface Registry {
  readonly _callbacks: readonly { callback: (result: unknown) => unknown; instrument: Instrument }[];
  readonly _batchCallbacks: readonly {
    callback: (result: unknown) => unknown;
    instruments: Iterable<Instrument>;
  }[];
}
interface Storage {
  collect(collector: unknown, time: HrTime): MetricData | null | undefined;
}
interface MeterState {
  readonly _instrumentationScope: ResourceMetrics['scopeMetrics'][number]['scope'];
  readonly metricStorageRegistry: { getStorages(collector: unknown): readonly Storage[] };
  readonly observableRegistry: Registry;
}
interface State {
  readonly resource: ResourceMetrics['resource'];
  readonly metricCollectors: readonly unknown[];
  readonly meterSharedStates: ReadonlyMap<string, MeterState>;
}

/** What to do with observable callbacks. */
export interface CollectNowOptions {
  /** Whether to call them. */
  readonly observe: boolean;
  /** Called where one returned a promise: what it has observed by then counts. */
  readonly runPromises: () => void;
}

/** What one callback observed, once it is done. */
interface Observation {
  readonly measured: ReadonlyMap<Instrument, Measurements>;
  state: 'done' | 'waiting' | 'failed';
}

/**
 * Collects what the first reader of a provider would collect, synchronously.
 *
 * @remarks
 * The SDK collects through promises. After `process.exit()` in an async function, which is where most of them are, none of
 * them ever goes on: V8 does not run microtasks from within a microtask. So this does what the SDK's `MetricCollector`
 * and `MeterSharedState` do, without `await`, on parts of theirs that are not public; hence the caution.
 *
 * @param provider - The provider.
 * @param options - What to do with observable callbacks.
 * @returns What was collected; undefined where the provider is not built as expected, and then nothing was touched.
 */
export function collectNow(
  provider: MeterProvider,
  { observe, runPromises }: CollectNowOptions,
): ResourceMetrics | undefined {
  const { _sharedState: shared } = provider as unknown as { readonly _sharedState?: State };
  if (shared === undefined || !isFamiliar(shared)) return undefined;
  const meters = [...shared.meterSharedStates.values()];
  const observations = observe ? meters.flatMap(({ observableRegistry }) => callAll(observableRegistry)) : [];
  if (observations.some(({ state }) => state === 'waiting')) runPromises();

  const now = Date.now();
  const time: HrTime = [Math.floor(now / 1000), (now % 1000) * 1e6];
  for (const { measured, state } of observations) {
    if (state !== 'done') continue;
    for (const [instrument, measurements] of measured) {
      for (const storage of instrument._metricStorages) storage.record(measurements, time);
    }
  }
  const collector = shared.metricCollectors[0];
  const scopeMetrics = meters.map(({ _instrumentationScope: scope, metricStorageRegistry }) => ({
    scope,
    metrics: metricStorageRegistry
      .getStorages(collector)
      .map((storage) => storage.collect(collector, time))
      .filter((metric) => metric !== null && metric !== undefined),
  }));
  return { resource: shared.resource, scopeMetrics };
}

function isFamiliar({ resource, metricCollectors, meterSharedStates }: Partial<State>): boolean {
  if (resource === undefined || !Array.isArray(metricCollectors) || !(meterSharedStates instanceof Map))
    return false;
  return [...(meterSharedStates as ReadonlyMap<string, Partial<MeterState>>).values()].every(
    ({ _instrumentationScope, metricStorageRegistry, observableRegistry }) =>
      _instrumentationScope !== undefined &&
      typeof metricStorageRegistry?.getStorages === 'function' &&
      Array.isArray(observableRegistry?._callbacks) &&
      Array.isArray(observableRegistry._batchCallbacks),
  );
}

/** Calls all callbacks of a meter. */
function callAll({ _callbacks, _batchCallbacks }: Registry): Observation[] {
  return [
    ..._callbacks.map(({ callback, instrument }) => {
      const measured = new Map([[instrument, new Map<object, number>()]]);
      const result: ObservableResult = {
        observe: (value, attributes) => note(measured, instrument, value, attributes),
      };
      return call(callback, result, measured);
    }),
    ..._batchCallbacks.map(({ callback, instruments }) => {
      const measured = new Map([...instruments].map((instrument) => [instrument, new Map<object, number>()]));
      const result = {
        observe: (instrument: Instrument, value: number, attributes?: object) =>
          note(measured, instrument, value, attributes),
      };
      return call(callback, result, measured);
    }),
  ];
}

function note(
  measured: ReadonlyMap<Instrument, Measurements>,
  instrument: Instrument,
  value: number,
  attributes: object = {},
): void {
  if (typeof value !== 'number') return;
  const whole = instrument._descriptor.valueType === INT;
  measured.get(instrument)?.set(attributes, whole ? Math.trunc(value) : value);
}

function call(
  callback: (result: unknown) => unknown,
  result: unknown,
  measured: ReadonlyMap<Instrument, Measurements>,
): Observation {
  const observation: Observation = { measured, state: 'done' };
  try {
    const returned = callback(result);
    if (returned instanceof Promise) {
      observation.state = 'waiting';
      returned.then(
        () => (observation.state = 'done'),
        () => (observation.state = 'failed'),
      );
    }
  } catch {
    // as in the SDK, what a callback that throws has observed does not count
    observation.state = 'failed';
  }
  return observation;
}
