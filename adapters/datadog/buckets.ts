import type { ExponentialBuckets } from '../../src/record.js';
import type { Point } from '../../src/forward/point.js';

/** How many measurements were above `lower` and at most `upper`; of negative ones the other way round. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/**
 * The buckets of a histogram that have anything in them.
 *
 * @remarks
 * Those of an exponential one become powers of two: the same bounds whatever its scale was, so that their counts may be
 * added up over time and agents. Nothing is estimated, since each bucket lies within one of those.
 */
export function bucketsOf(point: Point): Bucket[] {
  const all = point.type === 'exponential_histogram' ? exponential(point) : explicit(point);
  return all.filter(({ count }) => count > 0);
}

function explicit({ bounds = [], counts = [] }: Point): Bucket[] {
  return counts.map((count, i) => ({
    lower: bounds[i - 1] ?? -Infinity,
    upper: bounds[i] ?? Infinity,
    count,
  }));
}

function exponential({ scale = 0, zeroCount = 0, positive, negative }: Point): Bucket[] {
  const above = side(positive, scale);
  const below = side(negative, scale).map(({ lower, upper, count }) => ({
    lower: -upper,
    upper: -lower,
    count,
  }));
  return [...below, { lower: 0, upper: 0, count: zeroCount }, ...above];
}

function side(buckets: ExponentialBuckets | undefined, scale: number): Bucket[] {
  if (buckets === undefined) return [];
  const shift = Math.max(0, scale);
  const width = 2 ** (shift - scale);
  const counts = new Map<number, number>();
  buckets.bucketCounts.forEach((count, i) => {
    const index = Math.floor((buckets.offset + i) / 2 ** shift);
    counts.set(index, (counts.get(index) ?? 0) + count);
  });
  return [...counts].map(([index, count]) => ({
    lower: 2 ** (index * width),
    upper: 2 ** ((index + 1) * width),
    count,
  }));
}
