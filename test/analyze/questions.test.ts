import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  analyze,
  Analyzer,
  type AnalyzeOptions,
  ExplicitHistogram,
  ExponentialHistogram,
} from '../../src/analyze/index.js';
import { MetricsError } from '../../src/errors.js';
import type { MetricRecord } from '../../src/record.js';

const NOON = Date.UTC(2026, 10, 21, 12);

function record(second: number, value: number, fields: Partial<MetricRecord> = {}): MetricRecord {
  return { time: NOON + second * 1000, agent: 'agent-1', metric: 'm', value, ...fields };
}

/** A cumulative point of a writer that started before the window. */
function total(second: number, value: number, fields: Partial<MetricRecord> = {}): MetricRecord {
  const point = { type: 'counter', temporality: 'cumulative', writer: 'w1', start: NOON - 60_000 } as const;
  return record(second, value, { ...point, ...fields });
}

function only(records: readonly MetricRecord[], options: AnalyzeOptions = {}) {
  const { groups } = analyze(records, options);
  expect(groups).toHaveLength(1);
  return groups[0]!;
}

describe('first, last and delta', () => {
  it('are of the earliest and the latest record, whatever the order', () => {
    const records = [record(2, 7), record(0, 5), record(9, 4), record(1, 100), record(10, NaN)];
    expect(only(records)).toMatchObject({ first: 5, last: 4, delta: -1 });
    expect(only(records.toReversed())).toMatchObject({ first: 5, last: 4, delta: -1 });
    expect(only([record(0, NaN)])).toMatchObject({ first: null, last: null, delta: null });
  });

  it('of one time are the one that was read first, and the one that was read last', () => {
    expect(only([record(0, 5), record(0, 6), record(0, 7)])).toMatchObject({ first: 5, last: 7, delta: 2 });
    // Also where another file is read after one that goes on longer.
    expect(only([record(0, 5), record(9, 9), record(0, 6)])).toMatchObject({ first: 5, last: 9 });
  });

  it('of counters: the points as stored, and the increase over restarts', () => {
    const again = { writer: 'w2', start: NOON + 11_000 };
    const points = [total(0, 100), total(10, 105), total(20, 3, again), total(30, 4, again)];
    expect(only(points, { since: NOON })).toMatchObject({ first: 100, last: 4, delta: 9, sum: 9 });
  });

  it('of up-down counters: the net change, of each series on its own', () => {
    const level = { type: 'updowncounter' } as const;
    const points = [
      total(0, 10, level),
      total(1, 50, { ...level, writer: 'w2' }),
      total(2, 14, level),
      total(3, 45, { ...level, writer: 'w2' }),
    ];
    expect(only(points)).toMatchObject({ first: 10, last: 45, sum: 59, delta: -1 });
    const changes = [3, -1, -4].map((value, i) => record(i, value, level));
    expect(only(changes)).toMatchObject({ delta: -2, sum: -2 });
  });
});

describe('rate', () => {
  it('is the increase a second of the window that was asked for', () => {
    const points = [total(0, 100), total(5, 160), total(30, 160)];
    const asked = { since: NOON, until: NOON + 60_000 };
    expect(only(points, asked).rate).toBe(1);
    // An idle gap is no reset, and a restart is no fall.
    const again = { writer: 'w2', start: NOON + 31_000 };
    expect(only([...points, total(40, 30, again), total(50, 60, again)], asked).rate).toBe(2);
  });

  it('takes the time of the records where nothing was asked for, or the present where that is later', () => {
    const deltas = [record(0, 4, { type: 'counter' }), record(8, 4, { type: 'counter' })];
    expect(only(deltas).rate).toBe(1);
    expect(only(deltas, { now: NOON + 16_000 }).rate).toBe(1);
    expect(only(deltas, { since: NOON - 8000 }).rate).toBe(0.5);
    expect(only(deltas, { since: NOON, now: NOON + 16_000 }).rate).toBe(0.5);
    expect(only(deltas, { since: NOON, now: NOON + 1000 }).rate).toBe(1);
    expect(only(deltas.slice(1)).rate).toBeNull();
  });

  it('counts the measurements of histograms, and is null for levels', () => {
    const point = { type: 'histogram', count: 20, sum: 1, bounds: [1], counts: [20, 0] } as const;
    const window = { since: NOON, until: NOON + 10_000 };
    expect(only([record(1, 0.05, point)], window).rate).toBe(2);
    expect(only([record(1, 5)], window).rate).toBeNull();
    expect(only([record(1, 5, { type: 'updowncounter' })], window).rate).toBeNull();
  });
});

describe('time buckets', () => {
  const step = 10_000;

  it('begin at multiples of the step, are in order, and only where records are', () => {
    const records = [31, 12, 9, 10, 0, 59].map((second) => record(second, second));
    const { groups } = analyze(records, { stepMs: step });
    expect(groups.map(({ time, count, max }) => [time!.slice(17, 19), count, max])).toEqual([
      ['00', 2, 9],
      ['10', 2, 12],
      ['30', 1, 31],
      ['50', 1, 59],
    ]);
    const odd = analyze([record(-1, 1)], { stepMs: 7000 }).groups[0]!.time!;
    expect(Date.parse(odd) % 7000).toBe(0);
  });

  it('add up to what there is without them, whatever the records', () => {
    const some = fc.record({
      second: fc.integer({ min: 0, max: 200 }),
      value: fc.integer({ min: 0, max: 100 }),
      agent: fc.constantFrom('agent-1', 'agent-2'),
      type: fc.constantFrom('gauge' as const, 'counter' as const),
    });
    fc.assert(
      fc.property(fc.array(some), fc.integer({ min: 1, max: 60_000 }), (items, stepMs) => {
        const records = items.map(({ second, value, ...rest }) => record(second, value, rest));
        const groups = analyze(records, { groupBy: ['agent'] }).groups;
        const buckets = analyze(records, { groupBy: ['agent'], stepMs }).groups;
        for (const { agent, type, count, sum, min, max } of groups) {
          const own = buckets.filter((bucket) => bucket.agent === agent && bucket.type === type);
          expect(own.reduce((all, bucket) => all + bucket.count, 0)).toBe(count);
          expect(own.reduce((all, bucket) => all + bucket.sum!, 0)).toBe(sum);
          expect(Math.min(...own.map((bucket) => bucket.min!))).toBe(min);
          expect(Math.max(...own.map((bucket) => bucket.max!))).toBe(max);
        }
      }),
    );
  });

  it('take a cumulative point by how far it is above the one in the bucket before', () => {
    const points = [total(1, 100), total(9, 104), total(11, 110), total(25, 111)];
    const { groups } = analyze(points, { since: NOON, until: NOON + 30_000, stepMs: step });
    expect(groups.map(({ sum, rate }) => [sum, rate])).toEqual([
      [4, 0.4],
      [6, 0.6],
      [1, 0.1],
    ]);
  });

  it('that the window cuts off have the rate of the time that is left', () => {
    const deltas = [record(8, 6, { type: 'counter' }), record(12, 6, { type: 'counter' })];
    const { groups } = analyze(deltas, { since: NOON + 7000, until: NOON + 13_000, stepMs: step });
    expect(groups.map(({ rate }) => rate)).toEqual([2, 2]);
  });
});

describe('quantiles', () => {
  it('are any that were asked for, under the number as it is written', () => {
    const records = [1, 2, 3, 4, 5].map((value, i) => record(i, value));
    const quantiles = { 0: 1, 0.125: 1.5, 0.999: 4.996, 1: 5 };
    expect(only(records, { quantiles: [0, 0.125, 0.999, 1] }).quantiles).toEqual(quantiles);
    expect(only([record(0, NaN)], { quantiles: [0.1] }).quantiles).toEqual({ 0.1: null });
  });
});

describe('the largest groups', () => {
  const records = ['a', 'b'].flatMap((metric) =>
    [3, 1, 2, NaN].map((value, i) => record(i, value, { metric, agent: `agent-${i}` })),
  );

  it('are so many of each metric, largest first, those without a number last', () => {
    const agents = (n: number) =>
      analyze(records, { groupBy: ['agent'], top: { n, by: 'max' } }).groups.map(
        ({ metric, agent }) => `${metric} ${agent!.slice(6)}`,
      );
    expect(agents(2)).toEqual(['a 0', 'a 2', 'b 0', 'b 2']);
    expect(agents(9)).toEqual(['a 0', 'a 2', 'a 1', 'a 3', 'b 0', 'b 2', 'b 1', 'b 3']);
  });

  it('are so many of all where metrics alone tell them apart', () => {
    const more = [...records, record(0, 50, { metric: 'c' })];
    const top = { n: 2, by: 'p99.9' } as const;
    const { groups } = analyze(more, { top });
    expect(groups.map(({ metric }) => metric)).toEqual(['c', 'a']);
    expect(Object.keys(groups[0]!.quantiles)).toEqual(['0.999']);
  });

  it('keep all of their time buckets', () => {
    const { groups } = analyze([...records, record(60, 0, { metric: 'a', agent: 'agent-0' })], {
      metrics: ['a'],
      groupBy: ['agent'],
      stepMs: 10_000,
      top: { n: 1, by: 'max' },
    });
    expect(groups.map(({ agent, max }) => [agent, max])).toEqual([
      ['agent-0', 3],
      ['agent-0', 0],
    ]);
  });
});

describe('groups over a limit', () => {
  it('are counted by metric, before any is left out, without those that have no number', () => {
    const records = [10, 20, 30, NaN].map((value, i) => record(i, value, { agent: `agent-${i}`, unit: 's' }));
    const { over, groups } = analyze(records, {
      groupBy: ['agent'],
      over: { limit: 10, by: 'avg' },
      top: { n: 1, by: 'avg' },
    });
    expect(groups).toHaveLength(1);
    const percent = expect.closeTo(66.667, 3);
    expect(over).toEqual([
      { metric: 'm', type: 'gauge', unit: 's', by: 'avg', limit: 10, groups: 3, over: 2, percent },
    ]);
    expect(analyze(records, {}).over).toBeUndefined();
    const [none] = analyze([record(0, NaN)], { over: { limit: 1, by: 'avg' } }).over!;
    expect(none).toMatchObject({ groups: 0, over: 0, percent: null });
  });
});

describe('shards', () => {
  it('are groups in the order of their numbers', () => {
    const records = [10, 9, 10].map((n, i) => record(i, n, { agent: `agent-${n}` }));
    const shardOf = ({ value }: MetricRecord) => value;
    const { groups } = analyze(records, { groupBy: ['shard'], shardOf });
    expect(groups.map(({ shard, count }) => [shard, count])).toEqual([
      [9, 1],
      [10, 2],
    ]);
  });
});

describe('more groups than there is memory for', () => {
  it('are one, marked as OpenTelemetry marks it, and no record is lost', () => {
    const analyzer = new Analyzer({ groupBy: ['attr:id'], maxMemoryBytes: 2 ** 20 });
    for (let id = 0; id < 200_000; id += 1) analyzer.add(record(id, 1, { attributes: { id } }));
    const { groups, records } = analyzer.analysis();
    expect(groups.length).toBeLessThan(2000);
    expect(groups.at(-1)!.attributes).toEqual({ 'otel.metric.overflow': 'true' });
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(records);
    expect(records).toBe(200_000);
  });

  it('holds for buckets of time too', () => {
    const analyzer = new Analyzer({ stepMs: 1, maxMemoryBytes: 2 ** 20 });
    for (let i = 0; i < 50_000; i += 1) analyzer.add(record(i, 1));
    const { groups } = analyzer.analysis();
    expect(groups.length).toBeLessThan(2000);
    expect(groups.at(-1)).toMatchObject({ attributes: { 'otel.metric.overflow': 'true' } });
    expect(groups.at(-1)!.time).toBeUndefined();
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(50_000);
  });
});

describe('kinds of one metric', () => {
  it('are named where they are mixed', () => {
    const records = [
      record(0, 1),
      record(0, 1, { type: 'counter' }),
      record(0, 1, { metric: 'n', unit: 's' }),
      record(0, 1, { metric: 'n' }),
      record(0, 1, { metric: 'o' }),
      record(0, 1, { metric: 'o', type: 'gauge', unit: '' }),
    ];
    expect(analyze(records).mixed).toEqual(['m', 'n']);
  });
});

describe('an analyzer', () => {
  it('answers in between, and goes on', () => {
    const analyzer = new Analyzer();
    analyzer.add(record(0, 1));
    expect(analyzer.analysis().groups[0]).toMatchObject({ count: 1, last: 1 });
    analyzer.add(record(1, 5));
    expect(analyzer.analysis().groups[0]).toMatchObject({ count: 2, last: 5, p50: 3, stddev: 2 });
    expect(analyzer.analysis()).toEqual(analyze([record(0, 1), record(1, 5)]));
  });
});

describe('histograms of a library', () => {
  it('merge as their points do', () => {
    const points = [
      { count: 2, sum: 30, min: 10, max: 20, bounds: [15], counts: [1, 1] },
      { count: 1, sum: 12, min: 12, max: 12, bounds: [11, 13], counts: [0, 1, 0] },
    ];
    const all = new ExplicitHistogram();
    for (const point of points) all.add(point);
    const [a, b] = points.map((point) => new ExplicitHistogram().add(point));
    const merged = a!.merge(b!);
    for (const name of ['count', 'sum', 'avg', 'min', 'max', 'stddev'] as const) {
      expect(merged[name]).toBe(all[name]);
    }
    expect(merged).toMatchObject({ count: 3, sum: 42, min: 10, max: 20 });
    expect(merged.quantile(0.5)).toBe(all.quantile(0.5));
  });

  it('know their extremes whichever is merged into the other', () => {
    const of = (value: number) =>
      new ExplicitHistogram().add({ count: 1, sum: value, min: value, max: value, bounds: [], counts: [1] });
    expect(of(20).merge(of(5))).toMatchObject({ min: 5, max: 20, avg: 12.5 });
    expect(of(5).merge(of(20))).toMatchObject({ min: 5, max: 20, avg: 12.5 });
  });

  it('merge different scales at the lower one', () => {
    const fine = { count: 2, scale: 3, zeroCount: 0, positive: { offset: 7, bucketCounts: [1, 1] } };
    const coarse = { count: 1, scale: 0, zeroCount: 1 };
    const merged = new ExponentialHistogram().add(fine).merge(new ExponentialHistogram().add(coarse));
    expect(merged.count).toBe(3);
    expect(merged.error).toBe(1);
    expect(merged.quantile(0)).toBe(0);
    expect(merged.quantile(1)).toBeGreaterThan(1);
    expect(new ExponentialHistogram().quantile(0.5)).toBeNull();
  });

  it('refuse what is no point', () => {
    const bad = { count: 1, bounds: [2, 1], counts: [0, 0, 1] };
    expect(() => new ExplicitHistogram().add(bad)).toThrow(MetricsError);
    expect(() => new ExplicitHistogram().add(bad)).toThrow('bounds of a histogram must rise');
    expect(() => new ExponentialHistogram().add({ count: 1 })).toThrow(MetricsError);
    expect(() => new ExponentialHistogram().quantile(2)).toThrow('q must be a number from 0 to 1, got 2');
  });
});

describe('the error of explicit histograms', () => {
  it('is never exceeded, whatever the measurements and boundaries', () => {
    const boundaries = fc
      .uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 8 })
      .map((all) => all.toSorted((a, b) => a - b));
    const part = fc.tuple(
      boundaries,
      fc.array(fc.double({ min: 0.5, max: 70, noNaN: true }), { minLength: 1, maxLength: 15 }),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const points = parts.map(([bounds, values]) => {
          const counts = [...bounds, Infinity].map(() => 0);
          for (const value of values) counts[bounds.filter((bound) => value > bound).length]! += 1;
          const [min, max] = [Math.min(...values), Math.max(...values)];
          const sum = values.reduce((a, b) => a + b);
          return record(0, 1, { type: 'histogram', count: values.length, sum, min, max, bounds, counts });
        });
        const values = parts.flatMap(([, all]) => all).map((value) => record(0, value));
        const [estimated, exact] = [only(points), only(values)];
        for (const name of ['p50', 'p90', 'p95', 'p99'] as const) {
          const off = Math.abs(estimated[name]! / exact[name]! - 1);
          expect(off).toBeLessThanOrEqual(estimated.error! * (1 + 1e-9) + 1e-9);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('options of questions', () => {
  it.each([
    [{ quantiles: [1.5] }, 'quantiles must be a number from 0 to 1, got 1.5'],
    [{ stepMs: 0 }, 'stepMs must be a whole number from 1, got 0'],
    [{ top: { n: 0, by: 'avg' } }, 'top.n must be a whole number from 1, got 0'],
    [{ top: { n: 1, by: 'speed' } }, 'by must be one of count, sum'],
    [{ over: { limit: NaN, by: 'avg' } }, 'over.limit must be a number, got NaN'],
    [{ groupBy: ['shard'] }, 'groupBy shard needs shardOf'],
    [{ maxMemoryBytes: 1000 }, 'maxMemoryBytes must be a whole number from 1048576, got 1000'],
    [{ quantiles: Array.from({ length: 101 }, (_, i) => i / 101) }, 'quantiles must be at most 100, got 101'],
    [{ now: 'then' }, 'now must be Unix milliseconds, got "then"'],
  ])('%j is refused', (options, message) => {
    expect(() => new Analyzer(options as AnalyzeOptions)).toThrow(MetricsError);
    expect(() => new Analyzer(options as AnalyzeOptions)).toThrow(message);
  });
});
