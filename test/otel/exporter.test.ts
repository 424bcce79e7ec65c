import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, AggregationType, DataPointType } from '@opentelemetry/sdk-metrics';
import { describe, expect, it, vi } from 'vitest';
import { analyze } from '../../src/analyze/index.js';
import { MetricsError } from '../../src/errors.js';
import { ShardMetricExporter, type ShardMetricExporterOptions } from '../../src/otel/index.js';
import type { MetricRecord } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { storedLines } from '../support/files.js';
import { batchOf, exported, gaugeOf, hrTime, points, provide, resources } from './support.js';

function setup(options: ShardMetricExporterOptions = {}) {
  const directory = temporaryDirectory();
  const onError = vi.fn();
  const exporter = new ShardMetricExporter({ agent: 42, directory, onError, ...options });
  return { directory, exporter, onError };
}

function named(directory: string, metric: string): MetricRecord {
  const [record, ...others] = points(directory).filter((point) => point.metric === metric);
  expect(others).toEqual([]);
  return record!;
}

describe('kinds of point', () => {
  it('stores counters and histograms as deltas, up-down counters as totals, gauges as they are', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter, {
      views: [
        {
          instrumentName: 'explicit',
          aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [1, 10] } },
        },
      ],
    });
    const meter = provider.getMeter('scope-name', '1.0.0');
    const before = Date.now();
    meter.createCounter('jobs', { unit: '{job}' }).add(3, { kind: 'a' });
    meter.createUpDownCounter('active').add(-2);
    meter.createGauge('heat', { unit: 'Cel' }).record(36.6);
    const histogram = meter.createHistogram('latency', { unit: 'ms' });
    const explicit = meter.createHistogram('explicit');
    for (const value of [0, 2, 4, 40]) {
      histogram.record(value);
      explicit.record(value);
    }
    meter.createObservableCounter('reads').addCallback((result) => result.observe(100));
    meter.createObservableUpDownCounter('depth').addCallback(async (result) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      result.observe(7);
    });
    meter.createObservableGauge('load').addCallback((result) => result.observe(0.5, { cpu: 1 }));
    await provider.forceFlush();
    const after = Date.now();

    const jobs = named(directory, 'jobs');
    expect(jobs).toMatchObject({
      agent: 'agent-42',
      value: 3,
      unit: '{job}',
      type: 'counter',
      attributes: { kind: 'a' },
      scope: 'scope-name',
      writer: expect.stringMatching(`^${process.pid}-`) as string,
      temporality: undefined,
    });
    expect(jobs.start).toBeGreaterThanOrEqual(before);
    expect(jobs.time).toBeGreaterThanOrEqual(jobs.start!);
    expect(jobs.time).toBeLessThanOrEqual(after);
    expect(named(directory, 'active')).toMatchObject({
      value: -2,
      type: 'updowncounter',
      temporality: 'cumulative',
    });
    expect(named(directory, 'reads')).toMatchObject({
      value: 100,
      type: 'counter',
      temporality: 'cumulative',
    });
    expect(named(directory, 'depth')).toMatchObject({
      value: 7,
      type: 'updowncounter',
      temporality: 'cumulative',
    });

    const heat = named(directory, 'heat');
    expect(heat).toMatchObject({ value: 36.6, unit: 'Cel', scope: 'scope-name' });
    expect([heat.type, heat.start, heat.writer, heat.temporality]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(named(directory, 'load')).toMatchObject({ value: 0.5, attributes: { cpu: 1 } });

    expect(named(directory, 'explicit')).toMatchObject({
      type: 'histogram',
      value: 11.5,
      count: 4,
      sum: 46,
      min: 0,
      max: 40,
      bounds: [1, 10],
      counts: [1, 2, 1],
    });
    const latency = named(directory, 'latency');
    expect(latency).toMatchObject({
      type: 'exponential_histogram',
      value: 11.5,
      count: 4,
      sum: 46,
      min: 0,
      max: 40,
    });
    expect(latency).toMatchObject({ zeroCount: 1, negative: { bucketCounts: [] } });
    expect(latency.positive!.bucketCounts.reduce((sum, count) => sum + count)).toBe(3);
    // bucket i holds (base^i, base^(i+1)] with base = 2^(2^-scale)
    const base = 2 ** (2 ** -latency.scale!);
    const filled = latency.positive!.bucketCounts.flatMap((count, i) =>
      count > 0 ? latency.positive!.offset + i : [],
    );
    for (const [i, value] of [2, 4, 40].entries()) {
      expect(base ** filled[i]!).toBeLessThan(value * 1.0001);
      expect(base ** (filled[i]! + 1)).toBeGreaterThan(value * 0.9999);
    }
  });

  it('starts each delta where the last one ended', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter);
    const counter = provider.getMeter('test').createCounter('jobs');
    for (const value of [1, 2]) {
      counter.add(value);
      await provider.forceFlush();
    }
    const [first, second] = points(directory);
    expect(second!.start).toBe(first!.time);
    expect([first!.value, second!.value]).toEqual([1, 2]);
  });

  it('stores a gauge when it was recorded, and not again', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter);
    provider.getMeter('test').createGauge('heat').record(1);
    await provider.forceFlush();
    await provider.forceFlush();
    expect(points(directory)).toHaveLength(1);
  });

  it('writes what JSON has no number for as OpenTelemetry does', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter);
    const gauge = provider.getMeter('test').createGauge('heat');
    [NaN, Infinity, -Infinity, -0, 5e-324].forEach((value, i) => gauge.record(value, { i }));
    await provider.forceFlush();
    expect(points(directory).map(({ value }) => value)).toEqual([NaN, Infinity, -Infinity, -0, 5e-324]);
    expect(storedLines(directory).join('\n')).toContain('"value":"-Infinity"');
  });

  it('says NaN for the mean of a histogram without a sum, and leaves out the extremes of an empty one', () => {
    const { directory, exporter } = setup();
    const time = hrTime(Date.now());
    const histogram = (name: string, value: object): object => ({
      ...gaugeOf(name, 0),
      dataPointType: 0,
      dataPoints: [{ startTime: time, endTime: time, attributes: {}, value }],
    });
    const buckets = { boundaries: [5], counts: [0, 0] };
    const empty = { count: 0, sum: 0, min: Infinity, max: -Infinity, buckets };
    const noSum = { count: 2, min: -1, max: 1, buckets: { boundaries: [5], counts: [2, 0] } };
    expect(exported(exporter, batchOf(histogram('empty', empty), histogram('no_sum', noSum)))).toEqual([
      { code: 0 },
    ]);
    expect(named(directory, 'empty')).toMatchObject({
      value: NaN,
      count: 0,
      sum: 0,
      min: undefined,
      max: undefined,
    });
    expect(named(directory, 'no_sum')).toMatchObject({ value: NaN, sum: undefined, min: -1, max: 1 });
  });
});

describe('who a point is about', () => {
  const env = { CFN_AGENT_ID: '3' };
  const cases: [string, ShardMetricExporterOptions, object, NodeJS.ProcessEnv, string | RegExp][] = [
    ['the option', { agent: 1 }, { 'agent.id': '2', 'service.instance.id': '4' }, env, 'agent-1'],
    ["the resource's agent.id", {}, { 'agent.id': '2', 'service.instance.id': '4' }, env, 'agent-2'],
    ['CFN_AGENT_ID', {}, { 'service.instance.id': '4' }, env, 'agent-3'],
    ['service.instance.id', {}, { 'service.instance.id': '4' }, {}, 'agent-4'],
    ['host name and pid', {}, {}, {}, new RegExp(`-${process.pid}$`)],
    [
      'an empty variable counts as unset',
      {},
      { 'service.instance.id': '4' },
      { CFN_AGENT_ID: '' },
      'agent-4',
    ],
    [
      'what is no agent is passed over',
      {},
      { 'agent.id': '\n' },
      { CFN_AGENT_ID: '\u0007' },
      new RegExp(`-${process.pid}$`),
    ],
  ];
  it.each(cases)('%s', async (_name, options, resource, variables, expected) => {
    for (const [name, value] of Object.entries({ CFN_AGENT_ID: '', ...variables })) vi.stubEnv(name, value);
    const { directory, exporter } = setup({ agent: undefined, ...options });
    const provider = provide(exporter, {
      resource: resourceFromAttributes(resource as Record<string, string>),
    });
    const gauge = provider.getMeter('test').createGauge('heat');
    gauge.record(1);
    gauge.record(2, { 'agent.id': 'coder-7a', room: 'x' });
    await provider.forceFlush();
    const [own, other] = points(directory).sort((a, b) => a.value - b.value);
    expect(own!.agent).toMatch(expected);
    expect(other).toMatchObject({ agent: 'coder-7a', attributes: { room: 'x' } });
  });

  it('stores each agent in its own shard, and the resource in each of them', async () => {
    const { directory, exporter } = setup({ shards: 4 });
    const provider = provide(exporter);
    const counter = provider.getMeter('test').createCounter('jobs');
    for (let agent = 0; agent < 8; agent += 1) counter.add(1, { 'agent.id': agent });
    await provider.forceFlush();
    counter.add(1, { 'agent.id': 7 });
    await provider.forceFlush();
    expect(points(directory)).toHaveLength(9);
    const found = resources(directory);
    expect(found.map(({ agent }) => agent).sort()).toEqual(['agent-0', 'agent-1', 'agent-2', 'agent-3']);
    expect(new Set(found.map(({ writer }) => writer)).size).toBe(1);
  });

  it('takes the own agent where a point names none that is one, and says so once', async () => {
    const { directory, exporter, onError } = setup();
    const provider = provide(exporter);
    const gauge = provider.getMeter('test').createGauge('heat');
    for (const bad of ['', 'a\nb', 'x'.repeat(129)]) gauge.record(1, { 'agent.id': bad });
    await provider.forceFlush();
    expect(points(directory).map(({ agent }) => agent)).toEqual(['agent-42', 'agent-42', 'agent-42']);
    expect(onError).toHaveBeenCalledOnce();
    expect(exporter.stats().dropped).toEqual({});
  });
});

describe('the resource', () => {
  it('is stored once a file, with an instance and a pid where it has none', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter, { resource: resourceFromAttributes({ 'service.name': 'coder' }) });
    const counter = provider.getMeter('test').createCounter('jobs');
    for (let i = 0; i < 3; i += 1) {
      counter.add(1);
      await provider.forceFlush();
    }
    const [found, ...others] = resources(directory);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ agent: 'agent-42', value: 1, writer: points(directory)[0]!.writer });
    expect(found!.attributes).toEqual({
      'process.pid': process.pid,
      'service.instance.id': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/) as string,
      'service.name': 'coder',
    });
  });

  it('keeps the instance and pid it has', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter, {
      resource: resourceFromAttributes({ 'service.instance.id': 'mine', 'process.pid': 1, 'agent.id': 'x' }),
    });
    provider.getMeter('test').createCounter('jobs').add(1);
    await provider.forceFlush();
    expect(resources(directory)[0]!.attributes).toEqual({ 'service.instance.id': 'mine', 'process.pid': 1 });
  });

  it('is stored again when it is another one, and not when it only is another object', () => {
    const { directory, exporter } = setup();
    for (const name of ['a', 'a', 'b']) {
      const resource = resourceFromAttributes({ 'service.name': name });
      exported(exporter, { ...batchOf(gaugeOf('heat', 1)), resource });
    }
    expect(resources(directory).map(({ attributes }) => attributes!['service.name'])).toEqual(['a', 'b']);
  });

  it('that no line can hold is cut down to who it is', () => {
    const { directory, exporter } = setup();
    const resource = resourceFromAttributes({ 'process.command': 'x'.repeat(70_000) });
    expect(exported(exporter, { ...batchOf(gaugeOf('heat', 1)), resource })).toEqual([{ code: 0 }]);
    expect(Object.keys(resources(directory)[0]!.attributes!)).toEqual(['process.pid', 'service.instance.id']);
  });

  it('is another one for another exporter', async () => {
    const instances = new Set();
    for (let i = 0; i < 2; i += 1) {
      const { directory, exporter } = setup();
      exported(exporter, batchOf(gaugeOf('heat', 1)));
      const [found] = resources(directory);
      instances.add(found!.attributes!['service.instance.id']).add(found!.writer);
    }
    expect(instances.size).toBe(4);
  });
});

describe('hostile input', () => {
  it('makes text of what no attribute can be, and keeps the rest', () => {
    const { directory, exporter } = setup();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const attributes = {
      nan: NaN,
      infinity: -Infinity,
      bigint: 12345678901234567890n,
      nothing: undefined,
      nil: null,
      '': 'no key',
      timestamp: '{"timestamp":"',
      __proto__: 'x',
      date: new Date(0),
      bytes: new Uint8Array([1, 2, 255]),
      object: { a: [1, NaN], b: 2n },
      circular,
      symbol: Symbol('s'),
      mixed: ['a', 1, null, true],
      numbers: [1, NaN],
      fine: [1, 2],
      flags: [true, false],
      // eslint-disable-next-line no-sparse-arrays -- what somebody may pass
      holes: [1, , 2],
      lone: '\ud800',
      text: 'line\nbreak "quoted" \u2028',
    };
    Object.defineProperty(attributes, '__proto__', { value: 'own', enumerable: true });
    expect(exported(exporter, batchOf(gaugeOf('heat', 1, attributes)))).toEqual([{ code: 0 }]);
    const found = named(directory, 'heat').attributes!;
    expect(Object.entries(found)).toEqual(
      Object.entries({
        ['__proto__']: 'own',
        bigint: '12345678901234567890',
        bytes: 'AQL/',
        circular: '[object Object]',
        date: '1970-01-01T00:00:00.000Z',
        fine: [1, 2],
        flags: [true, false],
        holes: ['1', '', '2'],
        infinity: '-Infinity',
        lone: '\ufffd',
        mixed: ['a', '1', '', 'true'],
        nan: 'NaN',
        numbers: ['1', 'NaN'],
        object: '{"a":[1,"NaN"],"b":"2"}',
        symbol: 'Symbol(s)',
        text: 'line\nbreak "quoted" \u2028',
        timestamp: '{"timestamp":"',
      }),
    );
  });

  it('refuses a point that no record can hold, counts it, and stores the others', async () => {
    const { directory, exporter, onError } = setup();
    const thrower = Object.defineProperty({}, 'a', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    const bad = [
      gaugeOf('1st', 1),
      gaugeOf('a b', 1),
      gaugeOf('', 1),
      gaugeOf('x'.repeat(256), 1),
      gaugeOf('text', '1'),
      gaugeOf('none', undefined),
      gaugeOf('big', 1n),
      gaugeOf('long', 1, { text: 'é'.repeat(40_000) }),
      gaugeOf('thrower', 1, thrower),
      { ...gaugeOf('unit', 1), descriptor: { name: 'unit', unit: 'x'.repeat(64) } },
      { ...gaugeOf('kind', 1), dataPointType: 9 },
      { ...gaugeOf('histogram', { count: 1, buckets: { boundaries: [1], counts: [1] } }), dataPointType: 0 },
      { ...gaugeOf('histogram', { count: -1, scale: 0, zeroCount: 0 }), dataPointType: 1 },
      { ...gaugeOf('histogram', null), dataPointType: 1 },
    ];
    expect(exported(exporter, batchOf(gaugeOf('first', 1), ...bad, gaugeOf('last', 1)))).toEqual([
      { code: 0 },
    ]);
    expect(points(directory).map(({ metric }) => metric)).toEqual(['first', 'last', 'cfn.metrics.dropped']);
    expect(points(directory)[2]).toMatchObject({ value: bad.length, attributes: { reason: 'invalid' } });
    expect(exporter.stats().dropped).toEqual({ invalid: bad.length });
    expect(onError).toHaveBeenCalledOnce();
    expect(onError.mock.calls[0]![0]).toBeInstanceOf(MetricsError);
    await exporter.shutdown();
  });

  it.each([undefined, null, {}, { resource: {}, scopeMetrics: 5 }, { scopeMetrics: [] }])(
    'answers FAILED to what is no batch: %j',
    (batch) => {
      const { exporter } = setup();
      expect(exported(exporter, batch as never)).toMatchObject([
        { code: 1, error: { code: 'ERR_METRICS_RECORD' } },
      ]);
      expect(exported(exporter, batchOf(gaugeOf('heat', 1)))).toEqual([{ code: 0 }]);
    },
  );

  it('gives a late point, and one from the future, the time it is stored', () => {
    const { directory, exporter } = setup();
    const now = Date.now();
    const times = [now - 60_000, now + 60_000, NaN, now - 2000];
    exported(exporter, batchOf(...times.map((time, i) => gaugeOf(`at_${i}`, 1, {}, hrTime(time)))));
    const stored = points(directory).map(({ time }) => time);
    for (const time of stored.slice(0, 3)) expect(time).toBeGreaterThanOrEqual(now);
    expect(stored[3]).toBe(now - 2000);
  });

  it('keeps the start of a cumulative point, which tells its stream from others, also after the clock was put back', () => {
    const { directory, exporter } = setup();
    const begun = Date.now() + 3_600_000;
    const sum = (startTime: readonly [number, number], aggregationTemporality: number) => ({
      descriptor: { name: 'jobs', description: '', unit: '', valueType: 1 },
      ...{ aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic: true },
      dataPoints: [{ startTime, endTime: startTime, attributes: {}, value: 1000 }],
    });
    for (let i = 0; i < 3; i += 1)
      exported(exporter, batchOf(sum(hrTime(begun), AggregationTemporality.CUMULATIVE)));
    exported(
      exporter,
      batchOf(
        sum([NaN, 0], AggregationTemporality.CUMULATIVE),
        sum([1e12, 0], AggregationTemporality.CUMULATIVE),
      ),
    );
    const records = points(directory);
    expect(records.map(({ start }) => start)).toEqual([begun, begun, begun, 0, 0]);
    for (const { time } of records) expect(time).toBeLessThan(begun);
    expect(analyze(records.slice(0, 3)).groups).toMatchObject([{ sum: 1000 }]);
    // of a delta it is only when its interval began
    exported(exporter, batchOf(sum(hrTime(begun), AggregationTemporality.DELTA)));
    expect(points(directory).at(-1)!.start).toBeLessThan(begun);
  });

  it('keeps nothing of attributes that their owner changes later', () => {
    const { directory, exporter } = setup();
    const attributes = { step: 'one' };
    exporter.export(batchOf(gaugeOf('heat', 1, attributes)), () => (attributes.step = 'two'));
    exported(exporter, batchOf(gaugeOf('heat', 2, attributes)));
    expect(points(directory).map((point) => point.attributes)).toEqual([{ step: 'one' }, { step: 'two' }]);
  });

  it('survives what is thrown and has no text', () => {
    const { exporter } = setup();
    const bare: unknown = Object.create(null);
    const throwing = {
      get a() {
        throw bare;
      },
      get resource() {
        throw bare;
      },
    };
    expect(exported(exporter, batchOf(gaugeOf('heat', 1, throwing)))).toEqual([{ code: 0 }]);
    expect(exported(exporter, throwing as never)).toMatchObject([{ code: 1 }]);
    exporter.export(batchOf(gaugeOf('heat', 1)), () => {
      throw bare;
    });
    expect(exporter.stats()).toMatchObject({ dropped: { invalid: 1 } });
  });

  it('survives a callback that throws, and one that exports', () => {
    const { directory, exporter } = setup();
    exporter.export(batchOf(gaugeOf('a', 1)), () => {
      exported(exporter, batchOf(gaugeOf('b', 1)));
      throw new Error('callback');
    });
    exported(exporter, batchOf(gaugeOf('c', 1)));
    expect(points(directory).map(({ metric }) => metric)).toEqual(['a', 'b', 'c']);
  });
});

describe('shutdown', () => {
  it('is followed by FAILED, and nothing is touched', async () => {
    const { directory, exporter } = setup();
    exported(exporter, batchOf(gaugeOf('heat', 1)));
    const down = exporter.shutdown();
    expect(exporter.shutdown()).toBe(down);
    await Promise.all([down, exporter.forceFlush(), exporter.shutdown()]);
    const before = storedLines(directory);
    expect(exported(exporter, batchOf(gaugeOf('heat', 2)))).toMatchObject([
      { code: 1, error: { code: 'ERR_METRICS_CLOSED' } },
    ]);
    await exporter.forceFlush();
    expect(storedLines(directory)).toEqual(before);
  });

  it('comes with the last values when the provider is shut down', async () => {
    const { directory, exporter } = setup();
    const provider = provide(exporter);
    provider.getMeter('test').createCounter('jobs').add(5);
    await provider.shutdown();
    expect(named(directory, 'jobs').value).toBe(5);
  });
});
