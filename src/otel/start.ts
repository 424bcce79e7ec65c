import { hostname } from 'node:os';
import { type Meter, type MeterOptions, metrics } from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  type IMetricReader,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics';
import { Reporter } from '../diagnostics.js';
import { MetricsError } from '../errors.js';
import { thrownText } from '../options.js';
import { collectNow } from './collect-now.js';
import { diagWarn } from './diag.js';
import { drainAtExit } from './drain.js';
import { flushAtExit } from './exit-hooks.js';
import { ShardMetricExporter } from './exporter.js';
import type { ShardMetricExporterOptions } from './options.js';
import { intervalSettings, isDisabled } from './settings.js';

/**
 * What {@link startMetrics} can be told; every field is optional.
 *
 * @public
 */
export interface StartMetricsOptions extends ShardMetricExporterOptions {
  /**
   * Milliseconds between two exports, 1 to 2,147,483,647. Each stores one record a series: 500 agents with 3 metrics
   * at 10 s write about 3 GB a day.
   *
   * @defaultValue `OTEL_METRIC_EXPORT_INTERVAL`, else 10,000
   */
  readonly intervalMs?: number | undefined;
  /**
   * Milliseconds that observable callbacks may take; never more than the interval.
   *
   * @defaultValue `OTEL_METRIC_EXPORT_TIMEOUT`, else 30,000, and at most the interval
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Attributes of this process beside what is found out: the SDK's own, `host.name`, `OTEL_RESOURCE_ATTRIBUTES` and
   * `OTEL_SERVICE_NAME`. These win.
   */
  readonly resource?: Resource | undefined;
  /** Views of the MeterProvider. */
  readonly views?: readonly ViewOptions[] | undefined;
  /** Further readers of the same instruments, for instance one that serves Prometheus. */
  readonly readers?: readonly IMetricReader[] | undefined;
  /**
   * Whether the last values are stored after `process.exit()` and an uncaught error too. It relies on parts of the SDK
   * and, for observable callbacks that return promises, of Node (`process._tickCallback`) that are not documented;
   * where they are missing, these values are lost.
   *
   * @defaultValue true
   */
  readonly flushOnExit?: boolean | undefined;
  /**
   * Whether the last values are stored on SIGTERM and SIGINT. The process ends as it would have.
   *
   * @defaultValue true
   */
  readonly flushOnSignal?: boolean | undefined;
}

/**
 * What {@link startMetrics} started.
 *
 * @public
 */
export interface MetricsHandle {
  /** The provider of all meters. */
  readonly meterProvider: MeterProvider;
  /** The exporter behind it. */
  readonly exporter: ShardMetricExporter;
  /** Whether the provider is the global one, so that `metrics.getMeter()` of the OpenTelemetry API uses it. */
  readonly registered: boolean;
  /** Makes a meter, as the API has it. */
  readonly getMeter: (name: string, version?: string, options?: MeterOptions) => Meter;
  /** Collects and stores all that was measured; never rejects. */
  readonly forceFlush: () => Promise<void>;
  /** Stores what was measured and stops; the same promise each time, which never rejects. */
  readonly shutdown: () => Promise<void>;
}

/**
 * Starts OpenTelemetry metrics: a MeterProvider, registered globally, that exports to the shards every 10 s and when
 * the process ends, however it does, short of SIGKILL.
 *
 * @remarks
 * Call it before instruments are made: what a meter of the API measured earlier is lost. With
 * `OTEL_SDK_DISABLED=true` everything can be called and nothing is measured.
 *
 * Nothing here keeps the process alive.
 *
 * @param options - Who exports, where to, how often and in which form.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad. A bad variable in its place is reported and
 * ignored; so is a provider that somebody registered before, which stays the global one.
 *
 * @public
 */
export function startMetrics(options: StartMetricsOptions = {}): MetricsHandle {
  const { onError } = options;
  const reporter = new Reporter((error) => {
    diagWarn(error.message);
    onError?.(error);
  });
  const { intervalMs, timeoutMs } = intervalSettings(options, reporter);
  const disabled = isDisabled(reporter);
  const exporter = new ShardMetricExporter(options);
  const reader = (): IMetricReader =>
    new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: timeoutMs,
    });
  const meterProvider = new MeterProvider({
    resource: describeProcess(options.resource),
    views: [...(options.views ?? [])],
    readers: disabled ? [] : [reader(), ...(options.readers ?? [])],
  });
  const registered = !disabled && register(meterProvider, reporter);

  let flushing = 0;
  const forceFlush = async (): Promise<void> => {
    flushing += 1;
    await quietly(() => meterProvider.forceFlush());
    flushing -= 1;
  };
  const flushNow = (observe: boolean): void => {
    try {
      // what a flush has collected already is on its way through promises
      if (flushing > 0) drainAtExit();
      const collected = collectNow(meterProvider, { observe, runPromises: drainAtExit });
      if (collected !== undefined) {
        exporter.export(collected, () => undefined);
        return;
      }
      void forceFlush();
      drainAtExit();
    } catch (error) {
      diagWarn(thrownText(error));
    }
  };
  const { flushOnExit = true, flushOnSignal = true } = options;
  const release = disabled
    ? (): void => undefined
    : flushAtExit({ flush: forceFlush, flushNow, onExit: flushOnExit, onSignal: flushOnSignal });
  const stop = async (): Promise<void> => {
    release();
    await quietly(() => meterProvider.shutdown());
    // whatever became of other readers
    await exporter.shutdown();
    if (registered) unregister(meterProvider);
  };
  let stopped: Promise<void> | undefined;
  return {
    meterProvider,
    exporter,
    registered,
    getMeter: (name, version, meterOptions) => meterProvider.getMeter(name, version, meterOptions),
    forceFlush,
    shutdown: () => (stopped ??= stop()),
  };
}

/**
 * Who this process is. Synchronously: a resource that has to be waited for is never exported by a process that ends
 * before it is known.
 */
function describeProcess(own: Resource | undefined): Resource {
  const found = defaultResource()
    .merge(resourceFromAttributes({ 'host.name': hostname() }))
    .merge(detectResources({ detectors: [envDetector] }));
  return own === undefined ? found : found.merge(own);
}

function register(meterProvider: MeterProvider, reporter: Reporter): boolean {
  if (metrics.setGlobalMeterProvider(meterProvider)) return true;
  reporter.report(
    'registered',
    () =>
      new MetricsError(
        'ERR_METRICS_REGISTERED',
        'another MeterProvider is the global one: take meters from getMeter() of startMetrics() instead',
      ),
  );
  return false;
}

function unregister(meterProvider: MeterProvider): void {
  if (metrics.getMeterProvider() === meterProvider) metrics.disable();
}

async function quietly(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    diagWarn(thrownText(error));
  }
}
