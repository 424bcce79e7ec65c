/**
 * Statistics of one group; what they are made of depends on the group's type, see `docs/statistics.md`.
 *
 * @remarks
 * Null says that there is no such number: of an empty group, or of histograms that do not tell. Infinities among the
 * values are values like others, so that any of these may be infinite, and `avg` and `sum` NaN where both infinities
 * are in; JSON.stringify writes those as null.
 *
 * @public
 */
export interface Statistics {
  /** How many values: points of a gauge or up-down counter, increments of a counter, measurements of a histogram. */
  readonly count: number;
  /** Their sum; of cumulative up-down counters the sum of the last value of each writer. */
  readonly sum: number | null;
  /** Their arithmetic mean. */
  readonly avg: number | null;
  /** The smallest. */
  readonly min: number | null;
  /** The largest. */
  readonly max: number | null;
  /** The median; see {@link quantile}, for histograms an estimate. */
  readonly p50: number | null;
  /** The quantile 0.95. */
  readonly p95: number | null;
  /** The quantile 0.99. */
  readonly p99: number | null;
  /** Whether the quantiles are exact; those of histograms are estimates, from the buckets. */
  readonly exact: boolean;
  /** Points whose value is NaN. They count nowhere else. */
  readonly nan: number;
}
