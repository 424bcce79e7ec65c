import { STRIDE } from './window-points.js';

/** The fields of a tally of nothing, in their order. */
const EMPTY = Float64Array.of(0, 0, 0, 0, 0, 0, 0, Infinity, -Infinity, 0, 0, Infinity, NaN, -Infinity, NaN);

/** How many these are. */
export const FIELDS = EMPTY.length;

/** One point, as {@link Tally.addPoints} takes them. */
const ONE_CELL = new Float64Array(STRIDE);
const ONE_STORED = new Float64Array(1);

/**
 * What numbers add up to, quantiles aside.
 *
 * @remarks
 * The sum is compensated (Neumaier, see `Sum`). Squared deviations are from `center`, and joined by the formula for
 * pairs of Chan, Golub and LeVeque ("Algorithms for Computing the Sample Variance", The American Statistician 37, 1983).
 * Infinities count, and are in no sum: they are put back when somebody asks.
 */
export class Tally {
  // One array: doubles in fields are objects of their own, each in another place in memory.
  #fields: Float64Array;
  #begin: number;

  /** Starts with nothing, in {@link FIELDS} numbers of an array, which may have others before and behind them. */
  constructor(fields: Float64Array = new Float64Array(FIELDS), begin = 0) {
    this.#fields = fields;
    this.#begin = begin;
    this.clear();
  }

  /** Is from now on what such numbers say. */
  moveTo(fields: Float64Array, begin: number): void {
    this.#fields = fields;
    this.#begin = begin;
  }

  /** Points, whether they count or not. */
  get records(): number {
    return this.#fields[this.#begin]!;
  }
  set records(value: number) {
    this.#fields[this.#begin] = value;
  }
  /** Values. */
  get count(): number {
    return this.#fields[this.#begin + 1]!;
  }
  set count(value: number) {
    this.#fields[this.#begin + 1] = value;
  }
  /** Points whose value is NaN. */
  get nan(): number {
    return this.#fields[this.#begin + 2]!;
  }
  set nan(value: number) {
    this.#fields[this.#begin + 2] = value;
  }
  /** How many are -Infinity. */
  get lows(): number {
    return this.#fields[this.#begin + 3]!;
  }
  set lows(value: number) {
    this.#fields[this.#begin + 3] = value;
  }
  /** How many are Infinity. */
  get highs(): number {
    return this.#fields[this.#begin + 4]!;
  }
  set highs(value: number) {
    this.#fields[this.#begin + 4] = value;
  }
  /** The sum of the finite ones, but for what rounding took away. */
  get sum(): number {
    return this.#fields[this.#begin + 5]!;
  }
  set sum(value: number) {
    this.#fields[this.#begin + 5] = value;
  }
  /** What rounding took away from the sum. */
  get lost(): number {
    return this.#fields[this.#begin + 6]!;
  }
  set lost(value: number) {
    this.#fields[this.#begin + 6] = value;
  }
  /** Infinity of nothing. */
  get min(): number {
    return this.#fields[this.#begin + 7]!;
  }
  set min(value: number) {
    this.#fields[this.#begin + 7] = value;
  }
  /** -Infinity of nothing. */
  get max(): number {
    return this.#fields[this.#begin + 8]!;
  }
  set max(value: number) {
    this.#fields[this.#begin + 8] = value;
  }
  /** The mean of the finite ones. */
  get center(): number {
    return this.#fields[this.#begin + 9]!;
  }
  set center(value: number) {
    this.#fields[this.#begin + 9] = value;
  }
  /** Squared deviations from it, added up. */
  get squares(): number {
    return this.#fields[this.#begin + 10]!;
  }
  set squares(value: number) {
    this.#fields[this.#begin + 10] = value;
  }
  /** Unix milliseconds of the earliest point that has a value; Infinity without one. */
  get firstTime(): number {
    return this.#fields[this.#begin + 11]!;
  }
  set firstTime(value: number) {
    this.#fields[this.#begin + 11] = value;
  }
  /** Its value. */
  get first(): number {
    return this.#fields[this.#begin + 12]!;
  }
  set first(value: number) {
    this.#fields[this.#begin + 12] = value;
  }
  /** Unix milliseconds of the latest point that has a value; -Infinity without one. */
  get lastTime(): number {
    return this.#fields[this.#begin + 13]!;
  }
  set lastTime(value: number) {
    this.#fields[this.#begin + 13] = value;
  }
  /** Its value. */
  get last(): number {
    return this.#fields[this.#begin + 14]!;
  }
  set last(value: number) {
    this.#fields[this.#begin + 14] = value;
  }

  /** Starts anew. */
  clear(): void {
    this.#fields.set(EMPTY, this.#begin);
  }

  /** Adds a point: what counts of it, NaN where nothing does, and its value as it was stored. */
  add(time: number, value: number, stored: number): void {
    ONE_CELL[0] = time;
    ONE_CELL[1] = value;
    ONE_STORED[0] = stored;
    this.addPoints(ONE_CELL, ONE_STORED, 0, 1);
  }

  /**
   * Adds points.
   *
   * @param cells - Time and what counts of one point after the other.
   * @param stored - The values as they were stored, where they are others.
   * @param from - The first point.
   * @param to - That behind the last.
   */
  addPoints(cells: Float64Array, stored: Float64Array | undefined, from: number, to: number): void {
    // In variables, which stay in the processor where fields go to memory and back for each point.
    let { count, nan, lows, highs, sum, lost, min, max, center, squares } = this;
    let { firstTime, first, lastTime, last } = this;
    for (let at = from, cell = from * STRIDE; at < to; at += 1, cell += STRIDE) {
      const time = cells[cell]!;
      const value = cells[cell + 1]!;
      const asStored = stored === undefined ? value : stored[at]!;
      if (!Number.isNaN(asStored)) {
        if (time < firstTime) {
          firstTime = time;
          first = asStored;
        }
        if (time >= lastTime) {
          lastTime = time;
          last = asStored;
        }
      } else if (Number.isNaN(value)) {
        nan += 1;
      }
      if (Number.isNaN(value)) continue;
      count += 1;
      if (value < min) min = value;
      if (value > max) max = value;
      if (value === Infinity) highs += 1;
      else if (value === -Infinity) lows += 1;
      else {
        // B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products" (Technometrics 4, 1962).
        const before = value - center;
        center += before / (count - lows - highs);
        squares += before * (value - center);
        const next = sum + value;
        lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
        sum = next;
      }
    }
    this.records += to - from;
    this.count = count;
    this.nan = nan;
    this.lows = lows;
    this.highs = highs;
    this.sum = sum;
    this.lost = lost;
    this.min = min;
    this.max = max;
    this.center = center;
    this.squares = squares;
    this.firstTime = firstTime;
    this.first = first;
    this.lastTime = lastTime;
    this.last = last;
  }

  /** Adds what another tally has. */
  merge(other: Tally): void {
    const finite = this.finite;
    this.records += other.records;
    this.count += other.count;
    this.nan += other.nan;
    this.lows += other.lows;
    this.highs += other.highs;
    if (other.min < this.min) this.min = other.min;
    if (other.max > this.max) this.max = other.max;
    if (other.firstTime < this.firstTime) [this.firstTime, this.first] = [other.firstTime, other.first];
    if (other.lastTime >= this.lastTime && other.lastTime > -Infinity) {
      [this.lastTime, this.last] = [other.lastTime, other.last];
    }
    if (other.finite === 0) return;
    const apart = other.center - this.center;
    const part = other.finite / this.finite;
    this.center = finite === 0 ? other.center : this.center + apart * part;
    this.squares += other.squares + (finite === 0 ? 0 : apart * apart * finite * part);
    this.addToSum(other.sum);
    this.addToSum(other.lost);
  }

  /** Adds one term to the sum and nothing else. */
  addToSum(term: number): void {
    const sum = this.sum + term;
    this.lost += Math.abs(this.sum) >= Math.abs(term) ? this.sum - sum + term : term - sum + this.sum;
    this.sum = sum;
  }

  /** How many of the values are finite. */
  get finite(): number {
    return this.count - this.lows - this.highs;
  }

  /** The sum of all values, infinities included. */
  get total(): number {
    if (this.highs > 0) return this.lows > 0 ? NaN : Infinity;
    if (this.lows > 0) return -Infinity;
    return Number.isFinite(this.sum) ? this.sum + this.lost : this.sum;
  }

  /** The mean, which never leaves the range of the values; null of nothing. */
  get mean(): number | null {
    if (this.count === 0) return null;
    const mean = this.total / this.count;
    if (this.lows > 0 || this.highs > 0) return mean;
    return Math.min(Math.max(Number.isFinite(mean) ? mean : this.center, this.min), this.max);
  }

  /** The standard deviation of the population; null of nothing, NaN beside an infinity. */
  get stddev(): number | null {
    if (this.count === 0) return null;
    if (this.lows > 0 || this.highs > 0) return NaN;
    return this.min === this.max ? 0 : Math.sqrt(Math.max(this.squares, 0) / this.count);
  }
}
