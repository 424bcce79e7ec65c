import type { MetricRecord } from '../record.js';
import type { Aggregate, Asked } from './aggregate.js';
import { Ends } from './ends.js';
import type { ExplicitHistogram } from './explicit-histogram.js';
import { ExponentialHistogram } from './exponential-histogram.js';
import { byName, PERCENTILES } from './measured.js';
import type { Statistics } from './statistics.js';
import type { Streams } from './streams.js';

/** Histograms of one group and kind, merged. */
export class HistogramAggregate implements Aggregate {
  readonly #histogram: ExplicitHistogram | ExponentialHistogram;
  readonly #streams: Streams;
  readonly #ends = new Ends();

  /** Starts with an empty histogram. */
  constructor(histogram: ExplicitHistogram | ExponentialHistogram, streams: Streams) {
    this.#histogram = histogram;
    this.#streams = streams;
  }

  add(record: MetricRecord): void {
    this.#ends.add(record.time, record.value);
    const before = record.temporality === undefined ? 'whole' : this.#streams.advance(record);
    if (before !== 'baseline') this.#histogram.include(record, before === 'whole' ? undefined : before);
  }

  /** Without counts it says nothing. */
  point(): void {
    // nothing to take
  }

  statistics({ seconds, quantiles }: Asked): Statistics {
    const { count, sum, avg, stddev, min, max } = this.#histogram;
    const [p50, p90, p95, p99] = PERCENTILES.map((q) => this.#histogram.quantile(q));
    return {
      count,
      sum,
      rate: seconds === null ? null : count / seconds,
      avg,
      stddev,
      min,
      max,
      p50: p50!,
      p90: p90!,
      p95: p95!,
      p99: p99!,
      quantiles: byName(
        quantiles,
        quantiles.map((q) => this.#histogram.quantile(q)),
      ),
      first: this.#ends.first,
      last: this.#ends.last,
      delta: null,
      exact: false,
      error: errorOf(this.#histogram, [...PERCENTILES, ...quantiles]),
      nan: 0,
    };
  }
}

/** The largest error of the quantiles, as a part of the exact ones. */
function errorOf(
  histogram: ExplicitHistogram | ExponentialHistogram,
  quantiles: readonly number[],
): number | null {
  if (histogram instanceof ExponentialHistogram) return histogram.error;
  let most: number | null = null;
  for (const q of quantiles) {
    const estimate = histogram.quantile(q);
    const range = histogram.quantileRange(q);
    if (estimate === null || range === null) continue;
    const { low, high } = range;
    const error =
      low === high
        ? 0
        : low <= 0 && high >= 0
          ? Infinity
          : Math.max(...[low, high].map((limit) => Math.abs(1 - estimate / limit)));
    most = Math.max(most ?? 0, error);
  }
  return most;
}
