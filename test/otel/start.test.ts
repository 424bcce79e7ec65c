import { createRequire } from 'node:module';
import { diag, metrics, ValueType } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { collectNow } from '../../src/otel/collect-now.js';
import { ShardMetricExporter, startMetrics, type StartMetricsOptions } from '../../src/otel/index.js';
import { temporaryDirectory } from '../support/directory.js';
import { points, provide, resources } from './support.js';
import { WAIT } from '../support/wait.js';

afterEach(() => metrics.disable());

function setup(options: StartMetricsOptions = {}) {
  const directory = temporaryDirectory();
  const onError = vi.fn();
  const handle = startMetrics({ agent: 42, directory, onError, ...options });
  onTestFinished(() => handle.shutdown());
  return { ...handle, directory, onError };
}

describe('startMetrics', () => {
  it('gives the meters of the API somewhere to go', async () => {
    const { directory, forceFlush, registered, getMeter } = setup();
    expect(registered).toBe(true);
    metrics.getMeter('api').createCounter('jobs').add(5);
    getMeter('handle').createCounter('tasks').add(6);
    await forceFlush();
    expect(points(directory)).toMatchObject([
      { agent: 'agent-42', metric: 'jobs', value: 5, scope: 'api' },
      { agent: 'agent-42', metric: 'tasks', value: 6, scope: 'handle' },
    ]);
  });

  it('exports by itself at the interval', async () => {
    const { directory, getMeter } = setup({ intervalMs: 20 });
    getMeter('test').createCounter('jobs').add(1);
    await vi.waitFor(() => expect(points(directory)).toHaveLength(1), WAIT);
  });

  it('takes interval and timeout from the environment, the timeout never longer', async () => {
    vi.stubEnv('OTEL_METRIC_EXPORT_INTERVAL', '30');
    vi.stubEnv('OTEL_METRIC_EXPORT_TIMEOUT', '60000');
    const { directory, getMeter, onError } = setup();
    getMeter('test').createCounter('jobs').add(1);
    await vi.waitFor(() => expect(points(directory)).toHaveLength(1), WAIT);
    expect(onError).not.toHaveBeenCalled();
  });

  it.each(['0', '-5', '1e3', 'often', '99999999999'])('reports and ignores an interval of %s', (value) => {
    vi.stubEnv('OTEL_METRIC_EXPORT_INTERVAL', value);
    const { onError } = setup();
    expect(onError).toHaveBeenCalledOnce();
    expect(onError.mock.calls[0]![0].message).toContain(
      'OTEL_METRIC_EXPORT_INTERVAL must be whole milliseconds',
    );
  });

  it.each([{ intervalMs: 0 }, { timeoutMs: -1 }, { intervalMs: 2 ** 31 }])(
    'throws at a bad option: %j',
    (options) => {
      expect(() => startMetrics(options)).toThrow(`${Object.keys(options)[0]!} must be a whole number`);
    },
  );

  it('describes the process, and lets the environment and then an option win', async () => {
    vi.stubEnv('OTEL_SERVICE_NAME', 'coder');
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'team=red,host.name=named,agent.id=9');
    const resource = resourceFromAttributes({ team: 'blue' });
    const { directory, getMeter, forceFlush } = setup({ agent: undefined, resource });
    getMeter('test').createCounter('jobs').add(1);
    await forceFlush();
    expect(resources(directory)).toMatchObject([
      { agent: 'agent-9', attributes: { 'service.name': 'coder', team: 'blue', 'host.name': 'named' } },
    ]);
  });

  it('says so where another provider is registered, leaves it alone, and measures nevertheless', async () => {
    const other = new MeterProvider();
    metrics.setGlobalMeterProvider(other);
    const { directory, registered, onError, getMeter, shutdown } = setup();
    expect(registered).toBe(false);
    expect(onError.mock.calls).toMatchObject([[{ code: 'ERR_METRICS_REGISTERED' }]]);
    getMeter('test').createCounter('jobs').add(1);
    await shutdown();
    expect(points(directory)).toHaveLength(1);
    expect(metrics.getMeterProvider()).toBe(other);
  });

  it('can be started again after it was shut down', async () => {
    const first = setup();
    expect(first.shutdown()).toBe(first.shutdown());
    await first.shutdown();
    await first.forceFlush();
    expect(setup().registered).toBe(true);
  });

  it('leaves no listener behind', async () => {
    const count = () =>
      ['beforeExit', 'SIGTERM', 'SIGINT'].map((event) => process.listenerCount(event as NodeJS.Signals));
    const before = count();
    const { shutdown } = setup();
    expect(count()).not.toEqual(before);
    await shutdown();
    expect(count()).toEqual(before);
  });

  it('measures nothing where OTEL_SDK_DISABLED is true, and says so of what is neither true nor false', async () => {
    vi.stubEnv('OTEL_SDK_DISABLED', 'true');
    const { directory, registered, getMeter, forceFlush } = setup();
    getMeter('test').createCounter('jobs').add(1);
    await forceFlush();
    expect([registered, points(directory)]).toEqual([false, []]);
    vi.stubEnv('OTEL_SDK_DISABLED', '1');
    const other = setup();
    expect(other.registered).toBe(true);
    expect(other.onError.mock.calls[0]![0].message).toContain(
      'OTEL_SDK_DISABLED must be one of true, false, got "1"',
    );
  });

  it('goes on where the diagnostics logger throws, and tells onError nevertheless', async () => {
    const logger = vi.fn(() => {
      throw new Error('boo');
    });
    diag.setLogger({ error: logger, warn: logger, info: logger, debug: logger, verbose: logger });
    onTestFinished(() => diag.disable());
    vi.stubEnv('OTEL_SDK_DISABLED', '1');
    const { onError, meterProvider, forceFlush } = setup();
    expect(onError).toHaveBeenCalledOnce();
    vi.spyOn(meterProvider, 'forceFlush').mockRejectedValue(new Error('flush'));
    await forceFlush();
    expect(logger).toHaveBeenCalledTimes(2);
  });

  it('goes on where a further reader fails', async () => {
    const failing = {
      export: (_metrics: unknown, done: (result: { code: number }) => void) => done({ code: 1 }),
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- without a text
      forceFlush: () => Promise.reject(Object.create(null)),
      shutdown: () => Promise.reject(new Error('shutdown')),
    };
    const readers = [
      new PeriodicExportingMetricReader({ exporter: failing, exportIntervalMillis: 3_600_000 }),
    ];
    const { directory, getMeter, forceFlush, shutdown } = setup({ readers });
    getMeter('test').createCounter('jobs').add(1);
    await forceFlush();
    await shutdown();
    expect(points(directory)).toHaveLength(1);
  });
});

describe('collecting at once', () => {
  /** Instruments of all kinds, in a provider that exports nowhere by itself. */
  function instruments() {
    const exporter = new ShardMetricExporter({ agent: 42, directory: temporaryDirectory() });
    const views = [{ instrumentName: 'viewed', attributesProcessors: [] }];
    const provider = provide(exporter, { views });
    const meter = provider.getMeter('test');
    const counter = meter.createCounter('jobs');
    counter.add(1, { kind: 'a' });
    meter.createHistogram('latency').record(3);
    meter.createUpDownCounter('viewed').add(2);
    meter.createObservableCounter('reads', { valueType: ValueType.INT }).addCallback((result) => {
      result.observe(10.7, { kind: 'a' });
      result.observe(20, { kind: 'b' });
    });
    const [x, y] = [meter.createObservableGauge('x'), meter.createObservableUpDownCounter('y')];
    meter.addBatchObservableCallback(
      (result) => {
        result.observe(x, 1);
        result.observe(y, 2, { kind: 'c' });
      },
      [x, y],
    );
    meter.createObservableGauge('thrower').addCallback(() => {
      throw new Error('no');
    });
    return { provider, meter, counter };
  }

  function shapeOf(collected: ReturnType<typeof collectNow>) {
    return collected?.scopeMetrics.map(({ scope, metrics: ofScope }) => [
      scope.name,
      ofScope.map(({ descriptor, aggregationTemporality, dataPoints }) => [
        descriptor.name,
        aggregationTemporality,
        dataPoints.map(({ attributes, value }) => [attributes, value]),
      ]),
    ]);
  }

  it('gives what the SDK gives, and takes it from there', async () => {
    const { provider, counter } = instruments();
    const other = instruments();
    const readers = (
      other.provider as unknown as {
        _sharedState: { metricCollectors: [{ collect: () => Promise<unknown> }] };
      }
    )._sharedState.metricCollectors;
    const { resourceMetrics } = (await readers[0].collect()) as {
      resourceMetrics: ReturnType<typeof collectNow>;
    };
    const collected = collectNow(provider, { observe: true, runPromises: () => expect.unreachable() });
    expect(shapeOf(collected)).toEqual(shapeOf(resourceMetrics));
    expect(JSON.stringify(shapeOf(collected))).toContain('["reads",1,[[{"kind":"a"},10],[{"kind":"b"},20]]]');

    counter.add(5, { kind: 'a' });
    const [[, again]] = shapeOf(collectNow(provider, { observe: true, runPromises: () => undefined })) as [
      [string, [string, number, unknown[]][]],
    ];
    expect(again.find(([name]) => name === 'jobs')).toEqual(['jobs', 0, [[{ kind: 'a' }, 5]]]);
    expect(again.find(([name]) => name === 'viewed')).toEqual(['viewed', 1, [[{}, 2]]]);
  });

  it('takes of callbacks that return promises what they have observed once promises were run', () => {
    const { provider, meter } = instruments();
    meter.createObservableGauge('promised').addCallback(async (result) => {
      await Promise.resolve();
      result.observe(1);
    });
    const run = vi.fn();
    const collected = collectNow(provider, { observe: true, runPromises: run });
    expect(run).toHaveBeenCalledOnce();
    expect(JSON.stringify(shapeOf(collected))).not.toContain('promised');
  });

  it('touches nothing that it does not know', () => {
    const unknown = [
      {},
      { _sharedState: {} },
      { _sharedState: { resource: {}, metricCollectors: [], meterSharedStates: [] } },
    ];
    for (const provider of unknown) {
      expect(
        collectNow(provider as unknown as MeterProvider, {
          observe: true,
          runPromises: () => expect.unreachable(),
        }),
      ).toBeUndefined();
    }
  });
});

it('works with another copy of the SDK than its own', async () => {
  const load = createRequire(import.meta.url);
  const path = load.resolve('@opentelemetry/sdk-metrics');
  for (const file of Object.keys(load.cache))
    if (file.includes('sdk-metrics')) Reflect.deleteProperty(load.cache, file);
  const copy = load(path) as typeof import('@opentelemetry/sdk-metrics');
  expect(copy.MeterProvider).not.toBe(MeterProvider);

  const directory = temporaryDirectory();
  const exporter = new ShardMetricExporter({ agent: 42, directory });
  const reader = new copy.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new copy.MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('test');
  meter.createCounter('jobs').add(1);
  meter.createHistogram('latency').record(1);
  await provider.forceFlush();
  expect(points(directory)).toMatchObject([{ type: 'counter' }, { type: 'exponential_histogram' }]);

  meter.createCounter('jobs').add(2);
  const metricsNow = collectNow(provider, { observe: true, runPromises: () => undefined });
  expect(metricsNow?.scopeMetrics[0]?.metrics[0]?.dataPoints[0]?.value).toBe(2);
  await provider.shutdown();
});
