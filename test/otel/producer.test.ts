import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShardMetricProducer } from '../../src/otel/producer.js';
import { createEmitter } from '../../src/store/emitter.js';
import { temporaryDirectory } from '../support/directory.js';
import { metricNamed, pointsOf, produce, store, valuesOf } from './producer-support.js';

const HOUR_MS = 3_600_000;

describe('counters', () => {
  it('gives each agent what it counted, and what its writers counted before', async () => {
    const directory = temporaryDirectory();
    for (const agent of [1, 2]) {
      for (const added of [3, 4]) {
        const emitter = createEmitter({ agent, directory });
        emitter.emit('tasks', added * agent, { type: 'counter' });
        await emitter.close();
      }
    }
    const result = await produce({ directory }).collect();
    expect(result.errors).toEqual([]);
    expect(valuesOf(result, 'tasks')).toEqual({ 'agent-1': 7, 'agent-2': 14 });
    expect(metricNamed(result, 'tasks')).toMatchObject({
      dataPointType: 3,
      isMonotonic: true,
      aggregationTemporality: 1,
    });
  });

  it('takes a gap for no reset, a new start for a new stream, and keeps its own start', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory });
    const now = Date.now();
    const cumulative = { metric: 'tasks', type: 'counter', temporality: 'cumulative' } as const;
    store(directory, {
      ...cumulative,
      writer: 'a',
      start: now - 5 * HOUR_MS,
      time: now - 4 * HOUR_MS,
      value: 10,
    });
    const first = pointsOf(await producer.collect(), 'tasks')[0];
    expect(first?.value).toBe(10);
    store(directory, { ...cumulative, writer: 'a', start: now - 5 * HOUR_MS, time: now - 1000, value: 12 });
    expect(valuesOf(await producer.collect(), 'tasks')).toEqual({ 'agent-1': 12 });
    store(directory, { ...cumulative, writer: 'b', start: now - 900, value: 3 });
    store(directory, { ...cumulative, writer: 'b', start: now - 500, value: 2 });
    const last = pointsOf(await producer.collect(), 'tasks')[0];
    expect(last?.value).toBe(17);
    expect(last?.startTime).toEqual(first?.startTime);
  });

  it('ignores what would make a counter fall or no number, and says how often', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory });
    store(directory, { metric: 'tasks', type: 'counter', value: 5 });
    for (const value of [-1, NaN, Infinity]) store(directory, { metric: 'tasks', type: 'counter', value });
    expect(valuesOf(await producer.collect(), 'tasks')).toEqual({ 'agent-1': 5 });
    expect(producer.stats()).toMatchObject({ refused: 3, records: 4, series: 1 });
  });

  it('leaves out what would make a total infinite, also where an idle one makes room, and says how often', async () => {
    const directory = temporaryDirectory();
    const snapshotFile = join(temporaryDirectory(), 'totals.json');
    const options = { directory, snapshotFile, maxSeries: 2, idleMs: 60_000 };
    const producer = produce(options);
    const time = Date.now() - 120_000;
    const much = { metric: 'n', type: 'counter', value: 1e308, time } as const;
    store(directory, much, much, { ...much, agent: 'agent-2' });
    expect(valuesOf(await producer.collect(), 'n')).toEqual({ 'agent-1': 1e308, 'agent-2': 1e308 });
    expect(producer.stats()).toMatchObject({ refused: 1 });
    store(directory, { metric: 'n', type: 'counter', agent: 'agent-3' });
    const expected = { 'agent-3': 1, undefined: 1e308 };
    expect(valuesOf(await producer.collect(), 'n')).toEqual(expected);
    expect(producer.stats()).toMatchObject({ refused: 2, folded: 2 });
    await producer.shutdown();
    expect(valuesOf(await produce(options).collect(), 'n')).toEqual(expected);
  });

  it('adds up-down counters up: deltas for good, cumulative ones while their writer is heard of', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, gaugeMaxAgeMs: 60_000 });
    const time = Date.now();
    const open = { metric: 'open', type: 'updowncounter', temporality: 'cumulative' } as const;
    store(
      directory,
      { metric: 'open', type: 'updowncounter', value: 5 },
      { metric: 'open', type: 'updowncounter', value: -2 },
      { ...open, writer: 'a', value: 10, start: time - 10 },
      { ...open, writer: 'a', value: 4, start: time - 10 },
      { ...open, writer: 'b', value: 100, start: time - 10 },
      { ...open, writer: 'dead', value: 1000, time: time - 61_000, start: time - 62_000 },
    );
    const result = await producer.collect();
    expect(valuesOf(result, 'open')).toEqual({ 'agent-1': 107 });
    expect(metricNamed(result, 'open')).toMatchObject({ isMonotonic: false });
  });
});

describe('gauges', () => {
  it('gives the last value while it is not too old; counters stay', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, gaugeMaxAgeMs: 2000 });
    store(
      directory,
      { metric: 'mb', value: 1 },
      { metric: 'mb', value: 2 },
      { metric: 'n', type: 'counter' },
    );
    store(directory, { metric: 'mb', value: 9, time: Date.now() - 1000 });
    const fresh = await producer.collect();
    expect(valuesOf(fresh, 'mb')).toEqual({ 'agent-1': 2 });
    await delay(2050);
    const later = await producer.collect();
    expect(metricNamed(later, 'mb')).toBeUndefined();
    expect(valuesOf(later, 'n')).toEqual({ 'agent-1': 1 });
  });

  it.each([
    ['mean', 20],
    ['min', 10],
    ['max', 30],
    ['sum', 60],
  ] as const)('per host: %s of all agents, without those that say NaN', async (rule, value) => {
    const directory = temporaryDirectory();
    for (const [i, each] of [10, 20, 30, NaN].entries()) {
      store(directory, { agent: `agent-${i}`, metric: 'mb', value: each, attributes: { zone: 'x' } });
    }
    const [point, ...others] = pointsOf(
      await produce({ directory, per: 'host', gauges: { mb: rule, '*': 'max' } }).collect(),
      'mb',
    );
    expect(others).toEqual([]);
    expect(point).toMatchObject({ value, attributes: { zone: 'x' } });
  });
});

describe('histograms', () => {
  it('adds explicit ones up at the bounds that all of them have', async () => {
    const directory = temporaryDirectory();
    const shape = { metric: 'ms', type: 'histogram', value: 1 } as const;
    store(
      directory,
      { ...shape, count: 6, sum: 60, min: 1, max: 30, bounds: [5, 10, 20], counts: [1, 2, 2, 1] },
      { ...shape, count: 3, sum: 9, min: 0, max: 8, bounds: [2, 10], counts: [1, 1, 1] },
    );
    const [point] = pointsOf(await produce({ directory, per: 'host' }).collect(), 'ms');
    expect(point?.value).toEqual({
      buckets: { boundaries: [10], counts: [5, 4] },
      ...{ count: 9, sum: 69, min: 0, max: 30 },
    });
  });

  it('adds exponential ones up at a scale that fits both, and takes differences of cumulative ones', async () => {
    const directory = temporaryDirectory();
    const shape = {
      metric: 'ms',
      type: 'exponential_histogram',
      value: 1,
      temporality: 'cumulative',
    } as const;
    const start = Date.now() - 100;
    const side = (offset: number, bucketCounts: number[]) => ({ offset, bucketCounts });
    store(
      directory,
      { ...shape, start, writer: 'a', count: 3, sum: 3, scale: 1, zeroCount: 1, positive: side(2, [1, 1]) },
      { ...shape, start, writer: 'a', count: 5, sum: 9, scale: 1, zeroCount: 1, positive: side(2, [2, 2]) },
      { ...shape, start, writer: 'b', count: 2, sum: 4, scale: 0, zeroCount: 0, positive: side(0, [2]) },
      { ...shape, start, writer: 'c', count: 1, sum: 4, scale: 0, zeroCount: 0, negative: side(3, [1]) },
    );
    const [point] = pointsOf(await produce({ directory }).collect(), 'ms');
    expect(point?.value).toMatchObject({
      ...{ count: 8, sum: 17, scale: 0, zeroCount: 1 },
      positive: side(0, [2, 4]),
      negative: side(3, [1]),
    });
  });

  it('keeps exponential ones within 160 buckets', async () => {
    const directory = temporaryDirectory();
    for (const offset of [-5000, 0, 5000]) {
      const positive = { offset, bucketCounts: [1] };
      store(directory, {
        metric: 'ms',
        type: 'exponential_histogram',
        count: 1,
        sum: 1,
        scale: 5,
        zeroCount: 0,
        positive,
      });
    }
    const [point] = pointsOf(await produce({ directory }).collect(), 'ms');
    const { positive, count } = point!.value as { positive: { bucketCounts: number[] }; count: number };
    expect(count).toBe(3);
    expect(positive.bucketCounts.length).toBeLessThanOrEqual(160);
    expect(positive.bucketCounts.reduce((a, b) => a + b)).toBe(3);
  });
});

describe('bounds', () => {
  it('adds further series up in one of their metric, so that the sum is right', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, maxSeries: 3 });
    for (let agent = 0; agent < 10; agent += 1) {
      store(directory, { agent: `agent-${agent}`, metric: 'n', type: 'counter', value: 1 });
    }
    const points = pointsOf(await producer.collect(), 'n');
    expect(points).toHaveLength(4);
    expect(points.reduce((sum, { value }) => sum + (value as number), 0)).toBe(10);
    expect(points[3]).toMatchObject({ attributes: { 'otel.metric.overflow': true }, value: 7 });
    expect(producer.stats()).toMatchObject({ series: 3, overflowed: 7 });
  });

  it('makes room by what was idle for long, whose counts stay in the sum', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, maxSeries: 2, idleMs: 60_000 });
    const time = Date.now() - 120_000;
    store(directory, { agent: 'old', metric: 'n', type: 'counter', value: 5, time });
    store(directory, { agent: 'young', metric: 'n', type: 'counter', value: 1 });
    store(directory, { agent: 'new', metric: 'n', type: 'counter', value: 2 });
    const result = await producer.collect();
    expect(valuesOf(result, 'n')).toEqual({ young: 1, new: 2, undefined: 5 });
    expect(producer.stats()).toMatchObject({ series: 2, folded: 1 });
  });

  it('a stream that was forgotten and comes back is not counted twice', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, maxSeries: 2 });
    const shape = { metric: 'n', type: 'counter', temporality: 'cumulative' } as const;
    const now = Date.now();
    const start = now - 1000;
    for (const writer of ['a', 'b'])
      store(directory, { ...shape, writer, start, value: 10, time: now - 500 });
    for (const writer of ['c', 'd', 'e', 'f'])
      store(directory, { ...shape, writer, start: now - 400, value: 10 });
    expect(valuesOf(await producer.collect(), 'n')).toEqual({ 'agent-1': 60 });
    store(directory, { ...shape, writer: 'a', start, value: 11 });
    store(directory, { ...shape, writer: 'a', start, value: 14 });
    expect(valuesOf(await producer.collect(), 'n')).toEqual({ 'agent-1': 63 });
  });

  it('refuses metrics beyond the bound, whatever they are called', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, maxSeries: 5 });
    for (let i = 0; i < 100; i += 1) store(directory, { metric: `m${i}`, type: 'counter' });
    const { resourceMetrics } = await producer.collect();
    expect(resourceMetrics.scopeMetrics[0]?.metrics).toHaveLength(5);
    expect(producer.stats().refused).toBe(95);
  });
});

describe('attributes', () => {
  it('carry agent and scope, which no attribute of an agent can pretend', async () => {
    const directory = temporaryDirectory();
    store(directory, {
      scope: 'lib',
      attributes: { 'agent.id': 'root', 'otel.scope.name': 'x', 'a b': 'c' },
    });
    store(directory, { metric: 'target_info' });
    const result = await produce({ directory }).collect();
    expect(pointsOf(result, 'm')[0]?.attributes).toEqual({
      'exported.agent.id': 'root',
      'exported.otel.scope.name': 'x',
      'a b': 'c',
      'otel.scope.name': 'lib',
      'agent.id': 'agent-1',
    });
    expect(metricNamed(result, 'target_info')).toBeUndefined();
  });
});

describe('deltas', () => {
  it('gives what was added since the last time, and nothing of what did not grow', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory, temporality: 'delta' });
    store(directory, { metric: 'n', type: 'counter', value: 100 });
    expect(pointsOf(await producer.collect(), 'n')).toEqual([]);
    store(directory, { metric: 'n', type: 'counter', value: 3 });
    const second = await producer.collect();
    expect(valuesOf(second, 'n')).toEqual({ 'agent-1': 3 });
    expect(metricNamed(second, 'n')?.aggregationTemporality).toBe(0);
    expect(pointsOf(await producer.collect(), 'n')).toEqual([]);
    const histogram = { metric: 'ms', type: 'histogram', value: 1, bounds: [5] } as const;
    store(directory, { ...histogram, count: 2, sum: 9, min: 1, max: 8, counts: [1, 1] });
    await producer.collect();
    store(directory, { ...histogram, count: 1, sum: 4, min: 4, max: 4, counts: [1, 0] });
    expect(pointsOf(await producer.collect(), 'ms')[0]?.value).toEqual({
      buckets: { boundaries: [5], counts: [1, 0] },
      ...{ count: 1, sum: 4, min: undefined, max: undefined },
    });
  });
});

describe('collect', () => {
  it('never rejects: a missing directory is an error, and nothing once it is there', async () => {
    const directory = join(temporaryDirectory(), 'missing');
    const producer = produce({ directory });
    const { errors, resourceMetrics } = await producer.collect();
    expect(errors).toMatchObject([{ code: 'ERR_METRICS_DIRECTORY' }]);
    expect(resourceMetrics.scopeMetrics).toEqual([]);
    renameSync(temporaryDirectory(), directory);
    store(directory, {});
    expect((await producer.collect()).errors).toEqual([]);
    rmSync(directory, { recursive: true });
    const gone = await producer.collect();
    expect(gone.errors).toMatchObject([{ code: 'ERR_METRICS_DIRECTORY' }]);
    expect(valuesOf(gone, 'm')).toEqual({ 'agent-1': 1 });
  });

  it('keeps the time it is given, and gives no half of a first reading', async () => {
    const directory = temporaryDirectory();
    const many = Array.from({ length: 100_000 }, () => ({ metric: 'n', type: 'counter' as const }));
    store(directory, ...many);
    const producer = produce({ directory });
    const { errors, resourceMetrics } = await producer.collect({ timeoutMillis: 1 });
    expect(errors).toMatchObject([{ code: 'ERR_METRICS_STORE' }]);
    expect(resourceMetrics.scopeMetrics).toEqual([]);
    expect(valuesOf(await producer.collect(), 'n')).toEqual({ 'agent-1': 100_000 });
  });

  it('many at once do not disturb each other, and see what was stored before they began', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory });
    for (let round = 1; round <= 20; round += 1) {
      store(directory, { metric: 'n', type: 'counter' });
      const results = await Promise.all([producer.collect(), producer.collect(), producer.collect()]);
      expect(results.map((result) => valuesOf(result, 'n'))).toEqual(Array(3).fill({ 'agent-1': round }));
    }
  });

  it('what was given out stays as it was', async () => {
    const directory = temporaryDirectory();
    const producer = produce({ directory });
    const histogram = {
      metric: 'ms',
      type: 'histogram',
      count: 1,
      sum: 1,
      bounds: [5],
      counts: [1, 0],
    } as const;
    store(directory, histogram);
    const before = await producer.collect();
    const text = JSON.stringify(before);
    store(directory, histogram);
    await producer.collect();
    expect(JSON.stringify(before)).toBe(text);
  });

  it('says so after shutdown', async () => {
    const producer = produce({ directory: temporaryDirectory() });
    await producer.collect();
    expect(producer.shutdown()).toBe(producer.shutdown());
    expect((await producer.collect()).errors).toMatchObject([{ code: 'ERR_METRICS_CLOSED' }]);
  });

  it.each([
    [{ per: 'agents' as 'agent' }, 'per must be one of agent, host, got "agents"'],
    [{ maxSeries: 0 }, 'maxSeries must be a whole number from 1 to 1000000, got 0'],
    [{ gauges: { mb: 'median' as 'mean' } }, 'gauges["mb"] must be one of mean, min, max, sum, got "median"'],
    [{ snapshotFile: '' }, 'snapshotFile must be a path, got ""'],
  ])('refuses %j', (options, message) => {
    expect(() => new ShardMetricProducer(options)).toThrow(message);
  });
});

describe('snapshot', () => {
  it('goes on after a restart where it was, though the shards are gone', async () => {
    const directory = temporaryDirectory();
    const snapshotFile = join(temporaryDirectory(), 'totals.json');
    const options = { directory, snapshotFile };
    const before = produce(options);
    const histogram = {
      metric: 'ms',
      type: 'histogram',
      count: 1,
      sum: NaN,
      bounds: [5],
      counts: [1, 0],
    } as const;
    const exponential = {
      metric: 'e',
      type: 'exponential_histogram',
      count: 1,
      sum: 2,
      scale: 3,
      zeroCount: 1,
    } as const;
    const shape = { metric: 'c', type: 'counter', temporality: 'cumulative', writer: 'w' } as const;
    const start = Date.now() - 50;
    store(directory, { metric: 'n', type: 'counter', value: 7, attributes: { k: ['a', 'b'] }, scope: 's' });
    store(directory, histogram, exponential, { ...shape, value: 5, start }, { metric: 'g', value: Infinity });
    store(directory, { ...shape, metric: 'u', type: 'updowncounter', value: 2, start });
    const first = await before.collect();
    await before.shutdown();
    const state = JSON.stringify(first.resourceMetrics.scopeMetrics).replaceAll(/"endTime":[^\]]*\]/g, '');
    rmSync(join(directory, 'cfn-metrics-0.jsonl'));
    const after = produce(options);
    const again = await after.collect();
    expect(JSON.stringify(again.resourceMetrics.scopeMetrics).replaceAll(/"endTime":[^\]]*\]/g, '')).toBe(
      state,
    );
    store(
      directory,
      { ...shape, value: 6, start },
      { metric: 'n', type: 'counter', value: 1, attributes: { k: ['a', 'b'] }, scope: 's' },
    );
    const last = await after.collect();
    expect([valuesOf(last, 'c'), valuesOf(last, 'n')]).toEqual([{ 'agent-1': 6 }, { 'agent-1': 8 }]);
  });

  it('one that is damaged, of another view or of another directory is not used', async () => {
    const directory = temporaryDirectory();
    const snapshotFile = join(temporaryDirectory(), 'totals.json');
    store(directory, { metric: 'n', type: 'counter', value: 7 });
    const first = produce({ directory, snapshotFile });
    await first.collect();
    await first.shutdown();
    const other = produce({ directory, snapshotFile, per: 'host', snapshotMs: 100 });
    // it is also said where the first collection comes late
    await delay(110);
    const anew = await other.collect();
    expect(pointsOf(anew, 'n')[0]?.value).toBe(7);
    expect(anew.errors).toMatchObject([
      {
        code: 'ERR_METRICS_STORE',
        message: `the snapshot ${snapshotFile} cannot be loaded: it is of "agent ${directory}", not of "host ${directory}"`,
      },
    ]);
    await delay(110);
    await other.collect();
    expect((await other.collect()).errors).toEqual([]);
    await other.shutdown();
    const elsewhere = temporaryDirectory();
    store(elsewhere, { metric: 'n', type: 'counter', value: 1 });
    const third = produce({ directory: elsewhere, snapshotFile, per: 'host' });
    expect(pointsOf(await third.collect(), 'n')[0]?.value).toBe(1);
    await third.shutdown();
    writeFileSync(snapshotFile, '{"boot":');
    expect(pointsOf(await produce({ directory, snapshotFile }).collect(), 'n')[0]?.value).toBe(7);
  });

  it('one that cannot be saved is an error of the collection, and no more', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    const producer = produce({ directory, snapshotFile: join(directory, 'file', 'x.json'), snapshotMs: 100 });
    store(directory, { metric: 'n', type: 'counter' });
    await producer.collect();
    await delay(110);
    const { errors } = await producer.collect();
    expect(errors).toMatchObject([{ code: 'ERR_METRICS_STORE' }]);
  });

  it('counts every record exactly once, whenever it is restarted and however records come', async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('add' as const),
          writer: fc.nat(2),
          cumulative: fc.boolean(),
          value: fc.nat(9),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('restart writer' as const), writer: fc.nat(2) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('collect' as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('seal' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const directory = temporaryDirectory();
        const snapshotFile = join(temporaryDirectory(), 'totals.json');
        let producer = produce({ directory, snapshotFile, snapshotMs: 100 });
        const starts = [1, 1, 1];
        const totals = [0, 0, 0];
        let expected = 0;
        let sealed = 0;
        for (const each of steps) {
          if (each.kind === 'add') {
            const { writer, cumulative, value } = each;
            expected += value;
            const shape = { metric: 'n', type: 'counter', writer: `w${writer}` } as const;
            if (!cumulative) store(directory, { ...shape, value });
            else {
              totals[writer]! += value;
              store(directory, {
                ...shape,
                temporality: 'cumulative',
                start: starts[writer]!,
                value: totals[writer]!,
              });
            }
          } else if (each.kind === 'restart writer') {
            starts[each.writer]! += 1;
            totals[each.writer] = 0;
          } else if (each.kind === 'collect') {
            await producer.collect();
          } else if (each.kind === 'restart') {
            // one that is not shut down has not saved what it read since the last snapshot
            if (each.clean) await producer.shutdown();
            producer = produce({ directory, snapshotFile, snapshotMs: 100 });
          } else {
            sealed += 1;
            const live = join(directory, 'cfn-metrics-0.jsonl');
            writeFileSync(live, '', { flag: 'a' });
            renameSync(live, join(directory, `cfn-metrics-20261121-0.${sealed}.jsonl`));
          }
        }
        const point = pointsOf(await producer.collect(), 'n')[0];
        expect(point?.value ?? 0).toBe(expected);
      }),
      { numRuns: 60 },
    );
  }, 180_000);
});
