import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExponentialBuckets } from '../../src/analyze/exponential-buckets.js';
import { analyze } from '../../src/analyze/index.js';
import type { MetricRecord } from '../../src/record.js';

const NOON = Date.UTC(2026, 10, 21, 12);

/** Index i with base^i < value <= base^(i+1); the definition, corrected where the logarithm was rounded. */
function indexOf(value: number, scale: number): number {
  const lower = (i: number) => 2 ** (i * 2 ** -scale);
  let index = Math.ceil(Math.log2(value) * 2 ** scale) - 1;
  while (lower(index) >= value) index -= 1;
  while (lower(index + 1) < value) index += 1;
  return index;
}

function side(values: readonly number[], scale: number) {
  if (values.length === 0) return undefined;
  const indexes = values.map((value) => indexOf(value, scale));
  const offset = Math.min(...indexes);
  const bucketCounts = Array.from({ length: Math.max(...indexes) - offset + 1 }, () => 0);
  for (const index of indexes) bucketCounts[index - offset]! += 1;
  return { offset, bucketCounts };
}

/** The point that an exponential histogram of this scale makes of some measurements. */
function histogram(
  scale: number,
  values: readonly number[],
  fields: Partial<MetricRecord> = {},
): MetricRecord {
  const some = values.length > 0;
  const sum = values.reduce((a, b) => a + b, 0);
  return {
    time: NOON,
    agent: 'agent-1',
    metric: 'duration',
    type: 'exponential_histogram',
    value: some ? sum / values.length : NaN,
    start: NOON - 1000,
    count: values.length,
    sum,
    min: some ? Math.min(...values) : undefined,
    max: some ? Math.max(...values) : undefined,
    scale,
    zeroCount: values.filter((value) => value === 0).length,
    positive: side(
      values.filter((value) => value > 0),
      scale,
    ),
    negative: side(
      values.filter((value) => value < 0).map((value) => -value),
      scale,
    ),
    writer: 'w1',
    ...fields,
  };
}

function only(records: readonly MetricRecord[], since?: number) {
  const { groups } = analyze(records, { since });
  expect(groups).toHaveLength(1);
  return groups[0]!;
}

function merged(...parts: { scale: number; offset: number; bucketCounts: number[] }[]): ExponentialBuckets {
  const buckets = new ExponentialBuckets();
  const none = { offset: 0, bucketCounts: [] };
  for (const { scale, ...positive } of parts) buckets.add({ scale, zeroCount: 0, positive, negative: none });
  return buckets;
}

const magnitude = fc.double({ min: 1e-6, max: 1e9, noNaN: true });
const value = fc.oneof(
  magnitude,
  magnitude.map((x) => -x),
  fc.constant(0),
);
const parts = fc.array(
  fc.tuple(fc.integer({ min: -2, max: 8 }), fc.array(value, { minLength: 1, maxLength: 20 })),
  {
    minLength: 1,
    maxLength: 6,
  },
);

describe('exponential histograms', () => {
  it('have the buckets of the OpenTelemetry data model', () => {
    // scale 0: (1, 2] is bucket 0, (2, 4] is bucket 1; (1/2, 1] is bucket -1
    expect([1, 1.5, 2, 2.1, 4, 0.6].map((x) => indexOf(x, 0))).toEqual([-1, 0, 0, 1, 1, -1]);
    const blind = { min: undefined, max: undefined };
    expect(only([histogram(0, [2], blind)]).p50).toBeCloseTo(Math.SQRT2, 12);
    expect(only([histogram(0, [-2], blind)]).p50).toBeCloseTo(-Math.SQRT2, 12);
    expect(only([histogram(1, [2], blind)]).p50).toBeCloseTo(2 ** 0.75, 12);
    expect(only([histogram(-1, [2], blind)]).p50).toBeCloseTo(2, 12);
    // The last of four is at seven eighths of the bucket, the one before at five.
    expect(only([histogram(-1, [2, 2, 2, 2], blind)]).p99).toBeCloseTo(
      0.97 * 4 ** (7 / 8) + 0.03 * 4 ** (5 / 8),
      12,
    );
  });

  it('add up whole points', () => {
    const points = [histogram(5, [1, 2, 3]), histogram(5, [0, -4, 10])];
    expect(only(points)).toMatchObject({ count: 6, sum: 12, avg: 2, min: -4, max: 10, exact: false, nan: 0 });
  });

  it('merge different scales: the estimate is within one bucket of a neighbour of the exact quantile', () => {
    fc.assert(
      fc.property(parts, (all) => {
        const group = only(all.map(([scale, values]) => histogram(scale, values)));
        const sorted = all.flatMap(([, values]) => values).sort((a, b) => a - b);
        expect(group).toMatchObject({ count: sorted.length, min: sorted[0]! + 0, max: sorted.at(-1)! + 0 });
        // The magnitudes here are so far apart that at scale 7 they do not fit into the buckets that are kept.
        const scale = Math.min(6, ...all.map(([each]) => each));
        const base = 2 ** (2 ** -scale) * (1 + 1e-12);
        for (const [q, estimate] of [
          [0.5, group.p50!],
          [0.95, group.p95!],
          [0.99, group.p99!],
        ] as const) {
          const h = (sorted.length - 1) * q;
          const [low, high] = [sorted[Math.floor(h)]!, sorted[Math.ceil(h)]!];
          expect(estimate).toBeGreaterThanOrEqual(low > 0 ? low / base : low * base);
          expect(estimate).toBeLessThanOrEqual(high > 0 ? high * base : high / base);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('merge in any order', () => {
    const shuffled = parts.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([a, b]) => {
        const [one, other] = [a, b].map((all) =>
          only(all.map(([scale, values]) => histogram(scale, values))),
        );
        // Of records of one time the order says which is the first, and the last bits of sums may differ.
        const loose = { sum: 0, avg: 0, stddev: 0, first: 0, last: 0 };
        expect({ ...one, ...loose }).toEqual({ ...other, ...loose });
      }),
    );
  });

  it('downscale to the buckets that the lower scale would have had', () => {
    fc.assert(
      fc.property(fc.array(magnitude, { minLength: 1 }), fc.integer({ min: 0, max: 6 }), (values, shift) => {
        const [fine, coarse] = [side(values, 4)!, side(values, 4 - shift)!];
        const buckets = merged({ scale: 4, ...fine }, { scale: 4 - shift, offset: 0, bucketCounts: [] });
        expect(buckets.scale).toBe(4 - shift);
        expect(buckets.positive.offset).toBe(coarse.offset);
        expect([...buckets.positive.bucketCounts]).toEqual(coarse.bucketCounts);
      }),
    );
  });

  it('conserve counts when a wide range does not fit at its scale', () => {
    const buckets = merged(
      { scale: 20, offset: 0, bucketCounts: [3] },
      { scale: 20, offset: 2 ** 31, bucketCounts: [0, 4, 0] },
      { scale: 20, offset: -(2 ** 31), bucketCounts: [5] },
    );
    const { bucketCounts } = buckets.positive;
    expect(bucketCounts.length).toBeLessThanOrEqual(4096);
    expect(bucketCounts.reduce((a, b) => a + b)).toBe(12);
    expect(buckets.scale).toBe(20 - 21);
    expect(merged({ scale: 20, offset: 2 ** 31, bucketCounts: [0, 4, 0] }).scale).toBe(20);
  });

  it('of one measurement are exact, from the smallest double to the largest', () => {
    for (const x of [1, -7.5, 0, 123456.789, Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE]) {
      expect(only([histogram(3, [x])])).toMatchObject({ p50: x, p95: x, p99: x });
    }
  });

  it('that are empty say nothing', () => {
    expect(only([histogram(20, [])])).toMatchObject({ count: 0, sum: 0, avg: null, min: null, p50: null });
    expect(only([histogram(20, []), histogram(2, [5])])).toMatchObject({ count: 1, p50: 5 });
  });

  it('are kept apart from explicit ones of the same name', () => {
    const explicit = { ...histogram(0, []), type: 'histogram', bounds: [1], counts: [0, 0] } as const;
    const { groups } = analyze([histogram(0, [5]), explicit]);
    expect(groups.map((group) => group.type)).toEqual(['histogram', 'exponential_histogram']);
  });
});

describe('cumulative exponential histograms', () => {
  const cumulative = { temporality: 'cumulative' } as const;

  it('count by their difference, also when the scale has fallen meanwhile', () => {
    const before = histogram(6, [1, 5, 0, -3], cumulative);
    const after = histogram(2, [1, 5, 0, -3, 40, 50, 60], cumulative);
    const group = only([before, after], NOON);
    expect(group).toMatchObject({ count: 3, sum: 150, avg: 50, min: null, max: 60 });
    expect(group.p50).toBeGreaterThan(40 / 1.19);
    expect(group.p50).toBeLessThan(60);
  });

  it('count whole where the writer started in the window', () => {
    const point = histogram(6, [1, 5], { ...cumulative, start: NOON });
    expect(only([point, { ...point, writer: 'w2' }], NOON)).toMatchObject({
      count: 4,
      sum: 12,
      min: 1,
      max: 5,
    });
  });

  it('start anew after a fall', () => {
    const points = [[1, 5, 9], [1], [1, 2]].map((values) => histogram(6, values, cumulative));
    expect(only(points, NOON)).toMatchObject({ count: 1, sum: 2 });
    const moved = [
      [1, 5, 9],
      [1, 1, 1, 1],
    ].map((values) => histogram(6, values, cumulative));
    expect(only(moved, NOON)).toMatchObject({ count: 0, p50: null });
  });
});
