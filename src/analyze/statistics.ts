/**
 * The statistics that are one number each, in the order in which every form shows them.
 *
 * @public
 */
export const STATISTICS = [
  'count',
  'sum',
  'rate',
  'avg',
  'stddev',
  'min',
  'max',
  'p50',
  'p90',
  'p95',
  'p99',
  'first',
  'last',
  'delta',
] as const;

/**
 * One of {@link STATISTICS}.
 *
 * @public
 */
export type StatisticName = (typeof STATISTICS)[number];

/**
 * Statistics of one group; what they are made of depends on the group's type, see `docs/statistics.md`.
 *
 * @remarks
 * Null says that there is no such number: of an empty group, or of histograms that do not tell. Infinities among the
 * values are values like others, so that any of these may be infinite, and `avg`, `sum` and `stddev` NaN where that is
 * the result; JSON.stringify writes those as null.
 *
 * @public
 */
export interface Statistics {
  /** How many values: points of a gauge or up-down counter, increments of a counter, measurements of a histogram. */
  readonly count: number;
  /** Their sum; of cumulative up-down counters the sum of the last value of each writer. */
  readonly sum: number | null;
  /**
   * How much a second: the increments of a counter added up, or the measurements of a histogram counted, divided by
   * the length of the window. Null for gauges and up-down counters, and where the window has no length.
   */
  readonly rate: number | null;
  /** The arithmetic mean of the values. */
  readonly avg: number | null;
  /**
   * The standard deviation of the values as a whole population, divided by n and not n - 1, as numpy and Prometheus
   * have it: a group is all of its values, not a sample of them. For histograms an estimate.
   */
  readonly stddev: number | null;
  /** The smallest. */
  readonly min: number | null;
  /** The largest. */
  readonly max: number | null;
  /** The median; see {@link quantile}, for histograms an estimate. */
  readonly p50: number | null;
  /** The quantile 0.9. */
  readonly p90: number | null;
  /** The quantile 0.95. */
  readonly p95: number | null;
  /** The quantile 0.99. */
  readonly p99: number | null;
  /** The quantiles that were asked for beside those, by the number as text: `{"0.999": 8031}`. */
  readonly quantiles: Readonly<Record<string, number | null>>;
  /** The value of the earliest point that is not NaN, as it was stored; for a histogram the mean of that point. */
  readonly first: number | null;
  /** The value of the latest point that is not NaN; of several at one time the one that was read last. */
  readonly last: number | null;
  /**
   * How far it has moved: the increase of a counter, the net change of an up-down counter, `last - first` of a gauge;
   * null for histograms.
   */
  readonly delta: number | null;
  /** Whether the quantiles are exact; those of histograms, and of more values than fit in memory, are estimates. */
  readonly exact: boolean;
  /**
   * No quantile is further from the exact one than this part of it: 0.0027 is 0.27 %. 0 where they are exact; Infinity
   * where a bucket that counts has 0 or no number as its limit; null where there are no quantiles.
   */
  readonly error: number | null;
  /** Points whose value is NaN. They count nowhere else. */
  readonly nan: number;
}
