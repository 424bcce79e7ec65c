import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blendBuckets } from '../../src/analyze/buckets.js';
import { analyze } from '../../src/analyze/index.js';
import type { MetricRecord } from '../../src/record.js';

const NOON = Date.UTC(2026, 10, 21, 12);
const BOUNDS = [0, 10, 100, 1000];

/** The point that a histogram with these boundaries makes of some measurements. */
function histogram(
  bounds: readonly number[],
  values: readonly number[],
  fields: Partial<MetricRecord> = {},
): MetricRecord {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0);
  for (const value of values) {
    const i = bounds.findIndex((bound) => value <= bound);
    counts[i < 0 ? bounds.length : i]! += 1;
  }
  const sum = values.reduce((a, b) => a + b, 0);
  const some = values.length > 0;
  return {
    time: NOON,
    agent: 'agent-1',
    metric: 'duration',
    type: 'histogram',
    value: some ? sum / values.length : NaN,
    start: NOON - 1000,
    count: values.length,
    sum,
    min: some ? Math.min(...values) : undefined,
    max: some ? Math.max(...values) : undefined,
    bounds,
    counts,
    writer: 'w1',
    ...fields,
  };
}

function only(records: readonly MetricRecord[], since?: number) {
  const { groups } = analyze(records, { since });
  expect(groups).toHaveLength(1);
  return groups[0]!;
}

describe('explicit histograms', () => {
  it('interpolate linearly between the limits of a bucket', () => {
    const point = histogram(BOUNDS, [1, 2, 3, 4, 50, 60, 70, 80, 90, 500]);
    // rank 5 of 10: a fifth into the bucket of 5 from 10 to 100; ranks 9.5 and 9.9: in the last, up to the maximum
    expect(only([point])).toMatchObject({
      count: 10,
      sum: 860,
      avg: 86,
      min: 1,
      max: 500,
      exact: false,
      nan: 0,
    });
    expect(only([point])).toMatchObject({ p50: 28, p95: 300, p99: expect.closeTo(460, 9) });
  });

  it('of one measurement are exact', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), (value) => {
        const { p50, p99, min } = only([histogram(BOUNDS, [value])]);
        expect([p50! + 0, p99! + 0, min! + 0]).toEqual([value + 0, value + 0, value + 0]);
      }),
    );
  });

  it('without minimum and maximum are read as Prometheus reads them', () => {
    const blind = { min: undefined, max: undefined };
    expect(only([histogram([10, 100], [1, 1, 1, 1], blind)])).toMatchObject({ p50: 5, min: null, max: null });
    expect(only([histogram([-10, 100], [-50], blind)])).toMatchObject({ p50: -10 });
    expect(only([histogram([10, 100], [5000], blind)])).toMatchObject({ p50: 100, p99: 100 });
    expect(only([histogram([], [5000], blind)])).toMatchObject({ count: 1, sum: 5000, p50: null });
    expect(only([histogram([], [5000])])).toMatchObject({ p50: 5000 });
  });

  it('without a sum have no mean', () => {
    const points = [histogram(BOUNDS, [5]), histogram(BOUNDS, [7], { sum: undefined })];
    expect(only(points)).toMatchObject({ count: 2, sum: null, avg: null, min: 5, max: 7 });
  });

  it('that are empty say nothing', () => {
    expect(only([histogram(BOUNDS, [])])).toMatchObject({
      count: 0,
      sum: 0,
      avg: null,
      min: null,
      p50: null,
    });
    expect(only([histogram(BOUNDS, []), histogram(BOUNDS, [5])])).toMatchObject({ count: 1, min: 5, max: 5 });
  });

  it('merge: the estimate is in a bucket of a neighbour of the exact quantile', () => {
    const bounds = fc
      .uniqueArray(fc.integer({ min: -50, max: 50 }), { maxLength: 8 })
      .map((all) => all.sort((a, b) => a - b));
    const parts = fc.array(
      fc.array(fc.double({ min: -60, max: 60, noNaN: true }), { minLength: 1, maxLength: 20 }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(bounds, parts, (limits, values) => {
        const group = only(values.map((part) => histogram(limits, part)));
        const sorted = values.flat().sort((a, b) => a - b);
        expect(group.count).toBe(sorted.length);
        for (const [q, estimate] of [
          [0.5, group.p50!],
          [0.95, group.p95!],
          [0.99, group.p99!],
        ] as const) {
          const h = (sorted.length - 1) * q;
          const below = limits.findLast((bound) => bound < sorted[Math.floor(h)]!) ?? -Infinity;
          const above = limits.find((bound) => bound >= sorted[Math.ceil(h)]!) ?? Infinity;
          expect(estimate).toBeGreaterThanOrEqual(Math.max(below, group.min!));
          expect(estimate).toBeLessThanOrEqual(Math.min(above, group.max!));
        }
      }),
    );
  });

  it('of different boundaries merge in any order', () => {
    const points = [
      histogram([10, 20], [15, 15, 25]),
      histogram([12, 18, 30], [15, 15, 25, 40]),
      histogram([], [11]),
    ];
    const merged = only(points);
    expect(merged).toMatchObject({ count: 8, sum: 161, min: 11, max: 40 });
    const { first, last } = merged;
    expect(only(points.toReversed())).toEqual({ ...merged, first: last, last: first });
    expect(merged.p50).toBeGreaterThan(12);
    expect(merged.p50).toBeLessThan(25);
  });

  it('of finer boundaries that contain the coarser ones lose nothing', () => {
    const values = [1, 5, 15, 25, 35, 95];
    const mixed = only([histogram([10, 20, 30], values), histogram([20], values)]);
    expect(mixed).toMatchObject({ count: 12, p50: expect.closeTo(20, 9) });
  });

  it('blend without losing a count', () => {
    const edge = fc.integer({ min: -20, max: 20 });
    const bucket = fc.tuple(edge, edge, fc.integer({ min: 0, max: 9 })).map(([a, b, count]) => ({
      lower: Math.min(a, b),
      upper: Math.max(a, b),
      count,
    }));
    fc.assert(
      fc.property(fc.array(bucket, { maxLength: 10 }), (buckets) => {
        const blended = blendBuckets(buckets);
        const total = (all: readonly { count: number }[]) => all.reduce((sum, { count }) => sum + count, 0);
        expect(total(blended)).toBeCloseTo(total(buckets), 9);
        for (const x of [-20, -3, 0, 7, 20]) {
          expect(countBelow(blended, x)).toBeCloseTo(countBelow(buckets, x), 9);
        }
      }),
    );
  });

  it('of boundaries that are huge stay finite', () => {
    const bounds = [-1.7e308, 1.7e308];
    const { p50 } = only([histogram(bounds, [-1e308, 1e308]), histogram([0], [-1e308, 1e308])]);
    expect(Math.abs(p50!)).toBeLessThan(1e308);
  });
});

describe('cumulative explicit histograms', () => {
  const cumulative = { temporality: 'cumulative' } as const;

  it('count by their difference', () => {
    const points = [
      [5, 500],
      [5, 500, 50],
      [5, 500, 50, 60, 70],
    ].map((values) => histogram(BOUNDS, values, cumulative));
    // Minimum and maximum are older than the window, so they are not known; they still limit the estimates.
    expect(only(points, NOON)).toMatchObject({ count: 3, sum: 180, avg: 60, min: null, max: null, p50: 55 });
  });

  it('know a minimum or maximum that is new', () => {
    const points = [
      [50, 60],
      [50, 60, 5, 700],
    ].map((values) => histogram(BOUNDS, values, cumulative));
    expect(only(points, NOON)).toMatchObject({ count: 2, sum: 705, min: 5, max: 700 });
  });

  it('count whole where the writer started in the window', () => {
    const points = [
      [5, 50],
      [5, 50, 60],
    ].map((values) => histogram(BOUNDS, values, { ...cumulative, start: NOON }));
    expect(only(points, NOON)).toMatchObject({ count: 3, sum: 115, min: 5, max: 60 });
  });

  it('start anew after a fall or with other boundaries', () => {
    const points = [
      histogram(BOUNDS, [5, 50, 60], cumulative),
      histogram(BOUNDS, [5], cumulative),
      histogram([1], [5, 6], cumulative),
      histogram([1], [5, 6, 7], cumulative),
    ];
    expect(only(points, NOON)).toMatchObject({ count: 1, sum: 7 });
  });
});

function countBelow(buckets: readonly { lower: number; upper: number; count: number }[], x: number): number {
  return buckets.reduce((sum, { lower, upper, count }) => {
    if (upper <= x) return sum + count;
    return lower >= x ? sum : sum + (count * (x - lower)) / (upper - lower);
  }, 0);
}
