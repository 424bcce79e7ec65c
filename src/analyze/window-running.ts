import type { Buckets } from './window-buckets.js';
import type { Points } from './window-points.js';
import type { NumberPart } from './window-part.js';
import { Ranked } from './window-ranked.js';
import {
  CHANGE,
  DEVIATIONS,
  FIRST_AT,
  isOf,
  KNOWN,
  LOUDEST,
  NEXT_AT,
  percentilesIn,
  QUANTILES,
  Rows,
  SHIFT,
  SINCE,
  SQUARES,
  UNTIL,
  ROW,
} from './window-rows.js';
import { type Labels, nextChange } from './window-series.js';
import type { Sorted } from './window-sorted.js';
import { Tally } from './window-tally.js';

/** Where more points than this come at once, all are sorted anew. */
const MOST_INSERTED = 16;

/** A range of more points is moved when somebody asks. */
const MOST_KEPT_UP = 2048;

/** Squares that went through may be this much larger than those left. */
const LOUD_SQUARES = 1e6;
/** An extreme that went may be this much larger than all that is left: the sum keeps twice the digits of a double. */
const LOUD = 1e6;

/**
 * What the points of one series in a range of time add up to, as the range moves on.
 *
 * @remarks
 * Takes what is new and takes away what is over, so that asking again costs what has changed and not what is in the
 * range. What cannot be taken away (the last smallest value, a value beside which others were rounded away) makes it
 * count anew.
 */
export class Running implements NumberPart {
  readonly labels: Labels;
  /** As of the last {@link Running.advance}. */
  readonly tally: Tally;
  /** Sequence number of the first point in the range, and that behind the last. */
  from = 0;
  to = 0;
  readonly #rows: Rows;
  /** The array that its row is in, and where that begins. */
  #row: Float64Array;
  #begin: number;
  readonly #points: Points;
  readonly #ranked = new Ranked();
  /** How many of the values are the least, and the greatest: one at least, where there are any. */
  #atMin = 0;
  #atMax = 0;
  #removed: number;
  /** Whether a point came in between since the range moved. */
  #touched = false;

  /**
   * Starts with an empty range.
   *
   * @param position - Of its row.
   * @param turn - Any whole number: those with different ones do not count anew all at one time.
   */
  constructor(labels: Labels, points: Points, rows: Rows, position: number, turn: number) {
    this.labels = labels;
    this.#points = points;
    this.#rows = rows;
    this.#row = rows.at(position);
    this.#begin = Rows.begin(position);
    this.#row.fill(Infinity, this.#begin + SINCE, this.#begin + ROW);
    this.tally = new Tally(this.#row, this.#begin);
    this.#removed = turn % 1024;
  }

  /** Takes another row, and all that is in its own with it. */
  moveTo(position: number): void {
    const row = this.#rows.at(position);
    const begin = Rows.begin(position);
    row.set(this.#row.subarray(this.#begin, this.#begin + ROW), begin);
    this.#row = row;
    this.#begin = begin;
    this.tally.moveTo(row, begin);
  }

  /**
   * Moves the range.
   *
   * @returns A number that rises when any point comes or goes.
   */
  advance(since: number, until: number): number {
    const row = this.#row;
    const begin = this.#begin;
    if (isOf(row, begin, since, until)) return row[begin + CHANGE]!;
    const points = this.#points;
    const back = since < row[begin + SINCE]! || until < row[begin + UNTIL]!;
    if (this.#move(points, since, until, back)) row[begin + CHANGE] = nextChange();
    row[begin + SINCE] = since;
    row[begin + UNTIL] = until;
    row[begin + FIRST_AT] = this.from < this.to ? points.timeAt(this.from) : Infinity;
    row[begin + NEXT_AT] = this.to < points.end ? points.timeAt(this.to) : Infinity;
    this.#touched = false;
    return row[begin + CHANGE]!;
  }

  /** Moves the range, but never back, nor where counting anew would take long. */
  keepUp(since: number, until: number): void {
    if (until >= this.#row[this.#begin + UNTIL]! && this.to - this.from <= MOST_KEPT_UP)
      this.advance(since, until);
  }

  /** Has all be counted anew: points went that are not over. */
  reset(): void {
    this.#row[this.#begin + SINCE] = Infinity;
  }

  #move(points: Points, since: number, until: number, back: boolean): boolean {
    if (back || points.first > this.from) {
      this.from = points.search(since);
      this.to = Math.max(points.search(until), this.from);
      this.#recount(points);
      return true;
    }
    const { from, to } = this;
    const { end } = points;
    const many = to + MOST_INSERTED;
    if (many < end && points.timeAt(many) < until) this.#ranked.sorted = undefined;
    for (; this.from < end && points.timeAt(this.from) < since; this.from += 1) {
      if (this.from < to) this.#take(points, this.from, -1);
    }
    if (this.to < this.from) this.to = this.from;
    for (; this.to < end && points.timeAt(this.to) < until; this.to += 1) this.#take(points, this.to, 1);
    if (this.from === from && this.to === to && !this.#touched) return false;
    this.#refresh(points);
    return true;
  }

  /** For {@link fetchAhead}: where the points are, and what it keeps of them. */
  read(): number {
    const points = this.#points;
    const first = this.from >= points.first && this.from < points.end ? points.timeAt(this.from) : 0;
    return points.read() + first + this.#ranked.read();
  }

  get sorted(): Sorted | undefined {
    return this.#ranked.sorted;
  }

  get buckets(): Buckets | undefined {
    return this.#ranked.buckets;
  }

  get percentiles(): readonly number[] | undefined {
    return percentilesIn(this.#row, this.#begin);
  }

  values(into: Float64Array, from: number): number {
    const points = this.#points;
    let to = from;
    for (let at = this.from; at < this.to; at += 1) {
      const value = points.valueAt(at);
      if (!Number.isNaN(value)) into[to++] = value;
    }
    return to;
  }

  /** Hears of a point that came. */
  added(time: number): void {
    const nextAt = this.#begin + NEXT_AT;
    if (time < this.#row[nextAt]!) this.#row[nextAt] = time;
  }

  /** Hears of a point that came in between others. */
  inserted(sequence: number): void {
    const points = this.#points;
    if (sequence > this.to || (sequence === this.to && this.from < this.to)) return;
    if (points.timeAt(sequence) < this.#row[this.#begin + SINCE]!) {
      this.from += 1;
      this.to += 1;
    } else if (sequence < this.to) {
      this.to += 1;
      this.#take(points, sequence, 1);
      this.#touched = true;
    }
  }

  /** Adds or takes away one point. */
  #take(points: Points, sequence: number, sign: 1 | -1): void {
    const { tally } = this;
    const value = points.valueAt(sequence);
    tally.records += sign;
    if (Number.isNaN(value)) {
      if (Number.isNaN(points.storedAt(sequence))) tally.nan += sign;
      return;
    }
    tally.count += sign;
    if (sign < 0) this.#removed += 1;
    this.#extremes(value, sign);
    this.#ranked.take(value, sign);
    if (value === Infinity) tally.highs += sign;
    else if (value === -Infinity) tally.lows += sign;
    else {
      tally.addToSum(sign * value);
      const row = this.#row;
      const begin = this.#begin;
      const deviation = value - row[begin + SHIFT]!;
      row[begin + DEVIATIONS]! += sign * deviation;
      row[begin + SQUARES]! += sign * deviation * deviation;
      if (row[begin + SQUARES]! > row[begin + LOUDEST]!) row[begin + LOUDEST] = row[begin + SQUARES]!;
    }
  }

  #extremes(value: number, sign: 1 | -1): void {
    const { tally } = this;
    if (value < tally.min) {
      tally.min = value;
      this.#atMin = 0;
    }
    if (value > tally.max) {
      tally.max = value;
      this.#atMax = 0;
    }
    if (value === tally.min) this.#atMin += sign;
    if (value === tally.max) this.#atMax += sign;
  }

  /** Brings up to date what is not kept with each point. */
  #refresh(points: Points): void {
    const { tally } = this;
    if (this.#atMin <= 0 || this.#atMax <= 0) this.#findExtremes(points);
    if (Number.isFinite(tally.sum) && this.#removed <= 1024 + 16 * tally.count) {
      this.#center();
      // Squares that are no doubles would be none counted anew.
      if (!(tally.squares * LOUD_SQUARES < this.#row[this.#begin + LOUDEST]!)) {
        this.#finish(points);
        return;
      }
    }
    this.#recount(points);
  }

  #center(): void {
    const { tally } = this;
    const row = this.#row;
    const begin = this.#begin;
    const mean = tally.finite === 0 ? 0 : row[begin + DEVIATIONS]! / tally.finite;
    tally.center = row[begin + SHIFT]! + mean;
    tally.squares = Math.max(row[begin + SQUARES]! - mean * row[begin + DEVIATIONS]!, 0);
  }

  #finish(points: Points): void {
    this.#ends(points);
    this.#ranked.arrange(this);
    const known = this.#ranked.percentiles(this.#row, this.#begin + QUANTILES);
    this.#row[this.#begin + KNOWN] = known ? 1 : 0;
  }

  /** Finds the extremes of what is left, when the last of those that were is gone. */
  #findExtremes(points: Points): void {
    const { tally } = this;
    const before = Math.max(Math.abs(tally.min), Math.abs(tally.max));
    const { sorted } = this.#ranked;
    let [min, max, atMin, atMax] = [Infinity, -Infinity, 0, 0];
    if (sorted !== undefined) {
      // Others that are the same are not counted: they are found when these are gone.
      if (sorted.size > 0)
        [min, max, atMin, atMax] = [sorted.values[0]!, sorted.values[sorted.size - 1]!, 1, 1];
    } else {
      for (let at = this.from; at < this.to; at += 1) {
        const value = points.valueAt(at);
        if (value < min) [min, atMin] = [value, 0];
        if (value > max) [max, atMax] = [value, 0];
        if (value === min) atMin += 1;
        if (value === max) atMax += 1;
      }
    }
    [tally.min, tally.max, this.#atMin, this.#atMax] = [min, max, atMin, atMax];
    // Beside one so large others were rounded away; and of nothing the sum is to be zero.
    const left = atMin === 0 ? 0 : Math.max(Math.abs(min), Math.abs(max));
    if (!(before <= LOUD * left)) this.#removed = Infinity;
  }

  #recount(points: Points): void {
    const row = this.#row;
    const begin = this.#begin;
    this.tally.clear();
    this.#ranked.clear();
    this.#removed = 0;
    this.#atMin = 0;
    this.#atMax = 0;
    row[begin + SHIFT] = 0;
    for (let at = this.from; at < this.to; at += 1) this.#take(points, at, 1);
    const shift = this.#roughMean(points);
    let [deviations, squares] = [0, 0];
    for (let at = this.from; at < this.to; at += 1) {
      const value = points.valueAt(at);
      if (!Number.isFinite(value)) continue;
      deviations += value - shift;
      squares += (value - shift) ** 2;
    }
    row[begin + SHIFT] = shift;
    row[begin + DEVIATIONS] = deviations;
    row[begin + SQUARES] = squares;
    row[begin + LOUDEST] = squares;
    this.#center();
    this.#finish(points);
  }

  /** A value near all of them, even where their sum is no double. */
  #roughMean(points: Points): number {
    const { sum, finite } = this.tally;
    if (finite === 0) return 0;
    if (Number.isFinite(sum)) return sum / finite;
    let mean = 0;
    for (let at = this.from; at < this.to; at += 1) {
      const value = points.valueAt(at);
      if (Number.isFinite(value)) mean += value / finite;
    }
    return mean;
  }

  /** Finds the first and the last point that have a value. */
  #ends(points: Points): void {
    const { tally } = this;
    let first = this.from;
    while (first < this.to && Number.isNaN(points.storedAt(first))) first += 1;
    let last = this.to - 1;
    while (last >= first && Number.isNaN(points.storedAt(last))) last -= 1;
    const none = last < first;
    tally.firstTime = none ? Infinity : points.timeAt(first);
    tally.first = none ? NaN : points.storedAt(first);
    tally.lastTime = none ? -Infinity : points.timeAt(last);
    tally.last = none ? NaN : points.storedAt(last);
  }
}
