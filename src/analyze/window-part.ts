import type { Buckets } from './window-buckets.js';
import type { Labels } from './window-series.js';
import type { Tally } from './window-tally.js';

/** What the numbers of a series in a range of time add up to. */
export interface NumberPart {
  readonly labels: Labels;
  readonly tally: Tally;
  /** Counts by magnitude; undefined where there are so few values, or so far apart, that they are sorted. */
  readonly buckets: Buckets | undefined;
  /** Whether the values themselves are here. */
  readonly raw: boolean;
  /** Adds the values, in any order, to an array from an index on; NaN is left out. Returns the index behind them. */
  values(into: Float64Array, from: number): number;
}
