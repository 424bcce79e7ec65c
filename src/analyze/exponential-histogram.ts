import type { MetricRecord } from '../record.js';
import type { Aggregate } from './aggregate.js';
import { ExponentialBuckets, type ExponentialCounts } from './exponential-buckets.js';
import { Moments } from './moments.js';
import type { Statistics } from './statistics.js';
import { Streams } from './streams.js';

const NO_BUCKETS = { offset: 0, bucketCounts: [] };

/** Exponential histograms of one group, merged at the lowest scale among them. */
export class ExponentialHistogram implements Aggregate {
  readonly #moments = new Moments();
  readonly #buckets = new ExponentialBuckets();
  readonly #streams: Streams;

  /** Starts empty; see {@link Streams} for the window's begin. */
  constructor(since: number) {
    this.#streams = new Streams(since);
  }

  /** Adds a point: all of it, or what a cumulative one has more than the one before. */
  add(record: MetricRecord): void {
    const before = record.temporality === undefined ? 'whole' : this.#streams.advance(record);
    if (before === 'baseline') return;
    if (before === 'whole') {
      this.#moments.add(record);
      this.#buckets.add(countsOf(record));
      return;
    }
    const difference = new ExponentialBuckets();
    difference.add(countsOf(record));
    difference.add(countsOf(before), -1);
    // Less than before without a new start: what was lost is unknown, so counting starts anew.
    if (difference.overdrawn || (record.count ?? 0) < (before.count ?? 0)) return;
    this.#moments.add(record, before);
    this.#buckets.add(difference);
  }

  /** Statistics; quantiles are off by less than the width of a bucket, and never outside of minimum and maximum. */
  statistics(): Statistics {
    const { count, sum, avg, min, max } = this.#moments;
    return {
      count,
      sum,
      avg,
      min,
      max,
      p50: this.#quantile(0.5),
      p95: this.#quantile(0.95),
      p99: this.#quantile(0.99),
      exact: false,
      nan: 0,
    };
  }

  #quantile(q: number): number | null {
    const estimate = this.#buckets.quantile(q);
    const { count, low, high } = this.#moments;
    return estimate === null || count === 0 ? estimate : Math.min(Math.max(estimate, low), high);
  }
}

function countsOf({ scale = 0, zeroCount = 0, positive, negative }: MetricRecord): ExponentialCounts {
  return { scale, zeroCount, positive: positive ?? NO_BUCKETS, negative: negative ?? NO_BUCKETS };
}
