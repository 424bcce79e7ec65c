import { MetricsError } from '../errors.js';
import { histogramProblem, type MetricRecord } from '../record.js';
import { ExponentialBuckets, type ExponentialCounts } from './exponential-buckets.js';
import { Moments } from './moments.js';
import { checkQuantile, interpolate } from './quantile.js';

const NO_BUCKETS = { offset: 0, bucketCounts: [] };

/**
 * A point of an exponential histogram, such as a record of type `exponential_histogram` is.
 *
 * @public
 */
export type ExponentialPoint = Pick<
  MetricRecord,
  'count' | 'sum' | 'min' | 'max' | 'scale' | 'zeroCount' | 'positive' | 'negative'
>;

/**
 * Exponential histograms merged into one, at the lowest scale among them.
 *
 * @remarks
 * After https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram: a bucket of a lower scale is
 * a pair of those above it, so that merging loses no count, and its order means nothing. There are at most 4,096 buckets
 * a side; where values span more, the scale falls until they fit.
 *
 * @example
 * ```ts
 * const merged = new ExponentialHistogram();
 * for (const record of records) if (record.type === 'exponential_histogram') merged.add(record);
 * console.log(merged.quantile(0.99), merged.error);
 * ```
 *
 * @public
 */
export class ExponentialHistogram {
  readonly #moments = new Moments();
  readonly #buckets = new ExponentialBuckets();

  /**
   * Adds a delta point: all that it counted.
   *
   * @returns This histogram.
   * @throws MetricsError `ERR_METRICS_RECORD` where it is no point of an exponential histogram.
   */
  add(point: ExponentialPoint): this {
    const problem = histogramProblem({ ...point, type: 'exponential_histogram' });
    if (problem !== undefined) throw new MetricsError('ERR_METRICS_RECORD', problem);
    this.include(point);
    return this;
  }

  /**
   * Adds all that another histogram counted.
   *
   * @returns This histogram.
   */
  merge(other: ExponentialHistogram): this {
    this.#moments.merge(other.#moments);
    this.#buckets.add(other.#buckets);
    return this;
  }

  /**
   * Adds a valid point, or what it has more than the one before it in its cumulative stream.
   *
   * @internal
   */
  include(point: ExponentialPoint, before?: ExponentialPoint): void {
    if (before === undefined) {
      this.#moments.add(point);
      this.#buckets.add(countsOf(point));
      return;
    }
    const difference = new ExponentialBuckets();
    difference.add(countsOf(point));
    difference.add(countsOf(before), -1);
    // Less than before without a new start: what was lost is unknown, so counting starts anew.
    if (difference.overdrawn || (point.count ?? 0) < (before.count ?? 0)) return;
    this.#moments.add(point, before);
    this.#buckets.add(difference);
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

  /** The standard deviation of the population, estimated from the middles of the buckets; null without a mean. */
  get stddev(): number | null {
    const { avg } = this.#moments;
    return avg === null || this.#buckets.count === 0 ? null : this.#buckets.deviation(avg);
  }

  /** No quantile is further from the exact one than this part of it: the width of a bucket, 0.0054 at scale 7. */
  get error(): number | null {
    return this.#buckets.count === 0 ? null : this.#buckets.error;
  }

  /**
   * Estimates a quantile.
   *
   * @remarks
   * Interpolates between the measurements beside it as {@link quantile} does, each taken from its place in its bucket,
   * and never leaves minimum and maximum.
   *
   * @param q - 0 to 1.
   * @returns Null of nothing.
   * @throws MetricsError `ERR_METRICS_OPTION` where `q` is not between 0 and 1.
   */
  quantile(q: number): number | null {
    checkQuantile('q', q);
    const { count } = this.#buckets;
    if (count === 0) return null;
    const h = (count - 1) * q;
    const index = Math.floor(h);
    return interpolate(this.#atRank(index), this.#atRank(Math.ceil(h)), h - index);
  }

  #atRank(rank: number): number {
    const { low, high } = this.#moments;
    return Math.min(Math.max(this.#buckets.atRank(rank)!, low), high);
  }
}

function countsOf({ scale = 0, zeroCount = 0, positive, negative }: ExponentialPoint): ExponentialCounts {
  return { scale, zeroCount, positive: positive ?? NO_BUCKETS, negative: negative ?? NO_BUCKETS };
}
