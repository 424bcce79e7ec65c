import type { MetricRecord } from '../record.js';
import type { Aggregate } from './aggregate.js';
import { type Bucket, blendBuckets, limitBucket } from './buckets.js';
import { locate, Moments } from './moments.js';
import { interpolate } from './quantile.js';
import type { Statistics } from './statistics.js';
import { Streams } from './streams.js';
import { sumOf } from './values.js';

/** Counts for one choice of boundaries. */
interface Layout {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
}

/**
 * Explicit-bucket histograms of one group.
 *
 * @remarks
 * Points with equal boundaries are added up count by count. Other boundaries are kept apart until somebody asks, so
 * that nothing is lost and the order of the points means nothing; see {@link blendBuckets}.
 */
export class ExplicitHistogram implements Aggregate {
  readonly #moments = new Moments();
  readonly #layouts = new Map<string, Layout>();
  #layout: Layout | undefined;
  readonly #streams: Streams;

  /** Starts empty; see {@link Streams} for the window's begin. */
  constructor(since: number) {
    this.#streams = new Streams(since);
  }

  /** Adds a point: all of it, or what a cumulative one has more than the one before. */
  add(record: MetricRecord): void {
    const before = record.temporality === undefined ? 'whole' : this.#streams.advance(record);
    if (before === 'baseline') return;
    const previous = before === 'whole' ? undefined : before;
    if (previous !== undefined && !continues(record, previous)) return;
    this.#moments.add(record, previous);
    const { bounds = [], counts = [] } = record;
    const layout = this.#layoutFor(bounds);
    for (let i = 0; i <= bounds.length; i += 1) {
      layout.counts[i]! += (counts[i] ?? 0) - (previous?.counts?.[i] ?? 0);
    }
  }

  /** Statistics; quantiles by linear interpolation within a bucket. */
  statistics(): Statistics {
    const { count, sum, avg, min, max } = this.#moments;
    const buckets = this.#buckets();
    return {
      count,
      sum,
      avg,
      min,
      max,
      p50: quantileOf(buckets, 0.5),
      p95: quantileOf(buckets, 0.95),
      p99: quantileOf(buckets, 0.99),
      exact: false,
      nan: 0,
    };
  }

  #layoutFor(bounds: readonly number[]): Layout {
    if (this.#layout !== undefined && isEqual(this.#layout.bounds, bounds)) return this.#layout;
    const name = bounds.join();
    this.#layout = this.#layouts.get(name) ?? { bounds, counts: new Float64Array(bounds.length + 1) };
    this.#layouts.set(name, this.#layout);
    return this.#layout;
  }

  /** The buckets that hold something, from low to high; undefined where one has no limit on either side. */
  #buckets(): readonly Bucket[] | undefined {
    const { low, high } = this.#moments;
    const buckets: Bucket[] = [];
    for (const { bounds, counts } of this.#layouts.values()) {
      for (const [i, count] of counts.entries()) {
        if (count === 0) continue;
        const bucket = { lower: bounds[i - 1] ?? -Infinity, upper: bounds[i] ?? Infinity, count };
        const limited = limitBucket(bucket, low, high);
        if (limited === undefined) return undefined;
        buckets.push(limited);
      }
    }
    return this.#layouts.size > 1 ? blendBuckets(buckets) : buckets;
  }
}

/** Whether a cumulative point is an earlier one with something added. */
function continues(record: MetricRecord, before: MetricRecord): boolean {
  return (
    isEqual(record.bounds ?? [], before.bounds ?? []) &&
    (record.count ?? 0) >= (before.count ?? 0) &&
    (record.counts ?? []).every((count, i) => count >= (before.counts?.[i] ?? 0))
  );
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}

function quantileOf(buckets: readonly Bucket[] | undefined, q: number): number | null {
  if (buckets === undefined) return null;
  const counts = buckets.map((bucket) => bucket.count);
  const place = locate(counts, sumOf(counts) * q);
  if (place === undefined) return null;
  const { lower, upper } = buckets[place.index]!;
  return interpolate(lower, upper, place.fraction);
}
