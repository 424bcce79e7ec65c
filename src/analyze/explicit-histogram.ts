import { MetricsError } from '../errors.js';
import { histogramProblem, type MetricRecord } from '../record.js';
import { type Bucket, blendBuckets, limitBucket, type QuantileRange, rangeOfRank } from './buckets.js';
import { locate, Moments } from './moments.js';
import { checkQuantile, interpolate } from './quantile.js';
import { sumOf } from './sums.js';

/**
 * A point of a histogram of explicit boundaries, such as a record of type `histogram` is.
 *
 * @public
 */
export type ExplicitPoint = Pick<MetricRecord, 'count' | 'sum' | 'min' | 'max' | 'bounds' | 'counts'>;

/** Counts for one choice of boundaries. */
interface Layout {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
}

/**
 * Explicit-bucket histograms merged into one.
 *
 * @remarks
 * Points with equal boundaries are added up count by count. Other boundaries are kept apart until somebody asks, so
 * that nothing is lost and the order of the points means nothing; then each is cut at the others' boundaries, its counts
 * spread evenly over their buckets.
 *
 * @public
 */
export class ExplicitHistogram {
  readonly #moments = new Moments();
  readonly #layouts = new Map<string, Layout>();
  #layout: Layout | undefined;

  /**
   * Adds a delta point: all that it counted.
   *
   * @returns This histogram.
   * @throws MetricsError `ERR_METRICS_RECORD` where it is no point of a histogram.
   */
  add(point: ExplicitPoint): this {
    const problem = histogramProblem({ ...point, type: 'histogram' });
    if (problem !== undefined) throw new MetricsError('ERR_METRICS_RECORD', problem);
    this.include(point);
    return this;
  }

  /**
   * Adds all that another histogram counted.
   *
   * @returns This histogram.
   */
  merge(other: ExplicitHistogram): this {
    this.#moments.merge(other.#moments);
    for (const { bounds, counts } of other.#layouts.values()) {
      const layout = this.#layoutFor(bounds);
      for (const [i, count] of counts.entries()) layout.counts[i]! += count;
    }
    return this;
  }

  /**
   * Adds a valid point, or what it has more than the one before it in its cumulative stream.
   *
   * @internal
   */
  include(point: ExplicitPoint, before?: ExplicitPoint): void {
    if (before !== undefined && !continues(point, before)) return;
    this.#moments.add(point, before);
    const { bounds = [], counts = [] } = point;
    const layout = this.#layoutFor(bounds);
    for (let i = 0; i <= bounds.length; i += 1) {
      layout.counts[i]! += (counts[i] ?? 0) - (before?.counts?.[i] ?? 0);
    }
  }

  /** How many measurements. */
  get count(): number {
    return this.#moments.count;
  }

  /** Their sum; null where a point had none. */
  get sum(): number | null {
    return this.#moments.sum;
  }

  /** Their mean; null of nothing, and where a point had no sum. */
  get avg(): number | null {
    return this.#moments.avg;
  }

  /** The smallest; null where it is not known. */
  get min(): number | null {
    return this.#moments.min;
  }

  /** The largest; null where it is not known. */
  get max(): number | null {
    return this.#moments.max;
  }

  /**
   * The standard deviation of the population, estimated with measurements spread evenly over each bucket; null without
   * a mean, and where a bucket has no limit.
   */
  get stddev(): number | null {
    const { avg } = this.#moments;
    const buckets = this.#buckets();
    if (avg === null || buckets === undefined || buckets.length === 0) return null;
    // A bucket's middle, and the variance of an even spread over its width.
    const squares = buckets.map(
      ({ lower, upper, count }) => count * ((lower / 2 + upper / 2 - avg) ** 2 + (upper - lower) ** 2 / 12),
    );
    return Math.sqrt(sumOf(squares) / sumOf(buckets.map(({ count }) => count)));
  }

  /**
   * Estimates a quantile, by linear interpolation within a bucket, as Prometheus does
   * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
   *
   * @param q - 0 to 1.
   * @returns Null of nothing, and where a bucket has no limit on either side.
   * @throws MetricsError `ERR_METRICS_OPTION` where `q` is not between 0 and 1.
   */
  quantile(q: number): number | null {
    checkQuantile('q', q);
    const buckets = this.#buckets();
    if (buckets === undefined) return null;
    const counts = buckets.map((bucket) => bucket.count);
    const place = locate(counts, sumOf(counts) * q);
    if (place === undefined) return null;
    const { lower, upper } = buckets[place.index]!;
    return interpolate(lower, upper, place.fraction);
  }

  /**
   * Between what limits a quantile of the measurements surely lies, by the definition of {@link quantile}.
   *
   * @param q - 0 to 1.
   * @returns Null of nothing. Either limit may be infinite, where a bucket has none.
   * @throws MetricsError `ERR_METRICS_OPTION` where `q` is not between 0 and 1.
   */
  quantileRange(q: number): QuantileRange | null {
    checkQuantile('q', q);
    const buckets = this.#limited((bucket, low, high) => ({
      lower: Math.max(bucket.lower, low),
      upper: Math.max(Math.min(bucket.upper, high), bucket.lower, low),
      count: bucket.count,
    }))!;
    const total = sumOf(buckets.map(({ count }) => count));
    if (total === 0) return null;
    const h = (total - 1) * q;
    const index = Math.floor(h);
    const before = rangeOfRank(buckets, index);
    const after = rangeOfRank(buckets, Math.ceil(h));
    return {
      low: interpolate(before.low, after.low, h - index),
      high: interpolate(before.high, after.high, h - index),
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
    const buckets = this.#limited(limitBucket);
    return buckets !== undefined && this.#layouts.size > 1 ? blendBuckets(buckets) : buckets;
  }

  /** The buckets of all layouts that hold something, each cut down; undefined where one cannot be. */
  #limited(cut: (bucket: Bucket, low: number, high: number) => Bucket | undefined): Bucket[] | undefined {
    const { low, high } = this.#moments;
    const buckets: Bucket[] = [];
    for (const { bounds, counts } of this.#layouts.values()) {
      for (const [i, count] of counts.entries()) {
        if (count === 0) continue;
        const limited = cut(
          { lower: bounds[i - 1] ?? -Infinity, upper: bounds[i] ?? Infinity, count },
          low,
          high,
        );
        if (limited === undefined) return undefined;
        buckets.push(limited);
      }
    }
    return buckets;
  }
}

/** Whether a cumulative point is an earlier one with something added. */
function continues(point: ExplicitPoint, before: ExplicitPoint): boolean {
  return (
    isEqual(point.bounds ?? [], before.bounds ?? []) &&
    (point.count ?? 0) >= (before.count ?? 0) &&
    (point.counts ?? []).every((count, i) => count >= (before.counts?.[i] ?? 0))
  );
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}
