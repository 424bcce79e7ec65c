import { PERCENTILES } from './measured.js';
import { FIELDS } from './window-tally.js';

// A row begins with the fields of a tally; behind them is
/** the range that was last added up, */
export const SINCE = FIELDS;
export const UNTIL = FIELDS + 1;
/** the time of the first point in it, and of the first one behind it, Infinity where there is none, */
export const FIRST_AT = FIELDS + 2;
export const NEXT_AT = FIELDS + 3;
/** a number that rises with each change, */
export const CHANGE = FIELDS + 4;
/** whether the quantiles that every group has are known, 1 or 0, and these, */
export const KNOWN = FIELDS + 5;
export const QUANTILES = FIELDS + 6;
/** and sums of deviations from a value near all of them. */
export const SHIFT = QUANTILES + PERCENTILES.length;
export const DEVIATIONS = SHIFT + 1;
export const SQUARES = SHIFT + 2;
export const LOUDEST = SHIFT + 3;
export const ROW = SHIFT + 4;

/** Rows in one array. */
const CHUNK = 64;

/**
 * What the points of each series add up to in the views of one slot, as rows of numbers.
 *
 * @remarks
 * Where there are many series, an answer takes as long as it takes to fetch from memory what it is made of. So all that it
 * needs of a series is in one place, which is found by a number and not by going from object to object.
 */
export class Rows {
  #chunks: (Float64Array | undefined)[] = [];

  /** The array that the row of a position is in, which begins at {@link Rows.begin}. */
  at(position: number): Float64Array {
    return (this.#chunks[Math.floor(position / CHUNK)] ??= new Float64Array(CHUNK * ROW));
  }

  /** Where the row of a position begins in its array. */
  static begin(position: number): number {
    return (position % CHUNK) * ROW;
  }

  /** Starts anew. Who has a row keeps it until it takes another one. */
  clear(): void {
    this.#chunks = [];
  }
}

/**
 * Whether what a row holds is what there is in a range. One that nobody has written to is not: all in it is zero, so what
 * comes next came in 1970.
 */
export function isOf(row: Float64Array, begin: number, since: number, until: number): boolean {
  return (
    row[begin + SINCE]! <= since &&
    row[begin + UNTIL]! <= until &&
    row[begin + FIRST_AT]! >= since &&
    row[begin + NEXT_AT]! >= until
  );
}

/** The quantiles that every group has; undefined where a row does not have them. */
export function percentilesIn(row: Float64Array, begin: number): readonly number[] | undefined {
  if (row[begin + KNOWN] !== 1) return undefined;
  const at = begin + QUANTILES;
  return [row[at]!, row[at + 1]!, row[at + 2]!, row[at + 3]!];
}
