import type { Buckets } from './window-buckets.js';
import type { Labels } from './window-series.js';
import type { Sorted } from './window-sorted.js';
import type { Tally } from './window-tally.js';

/** What the numbers of a series in a range of time add up to. */
export interface NumberPart {
  readonly labels: Labels;
  readonly tally: Tally;
  /** The quantiles that every group has, where they are known already. */
  readonly percentiles: readonly number[] | undefined;
  /** The values in order, where somebody keeps them so. */
  readonly sorted: Sorted | undefined;
  /** Counts by magnitude; undefined where quantiles are those of the values themselves. */
  readonly buckets: Buckets | undefined;
  /** Adds the values, in any order, to an array from an index on; NaN is left out. Returns the index behind them. */
  values(into: Float64Array, from: number): number;
}
