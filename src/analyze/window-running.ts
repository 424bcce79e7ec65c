import { Buckets } from './window-buckets.js';
import type { Points } from './window-points.js';
import type { NumberPart } from './window-part.js';
import type { Labels } from './window-series.js';
import { Tally } from './window-tally.js';

/** So many values are sorted whenever somebody asks; of more, quantiles come from buckets. */
const MOST_SORTED = 64;
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
  /** The values themselves are there. */
  readonly raw = true;
  /** As of the last {@link Running.advance}. */
  readonly tally = new Tally();
  /** Counts by magnitude, where there are too many values to sort them. */
  buckets: Buckets | undefined;
  /** Sequence number of the first point in the range, and that behind the last. */
  from = 0;
  to = 0;
  readonly #points: Points;
  #since = Infinity;
  #until = Infinity;
  /** Sums of deviations from a value near all of them. */
  #shift = 0;
  #deviations = 0;
  #squares = 0;
  #loudestSquares = 0;
  #atMin = 0;
  #atMax = 0;
  #removed: number;
  /** The values lie too far apart for buckets. */
  #far = false;
  /** Whether a point came in between since the range moved. */
  #touched = false;

  /**
   * Starts with an empty range.
   *
   * @param turn - Any whole number: those with different ones do not count anew all at one time.
   */
  constructor(labels: Labels, points: Points, turn: number) {
    this.labels = labels;
    this.#points = points;
    this.#removed = turn % 1024;
  }

  /**
   * Moves the range.
   *
   * @returns Whether any point came or went.
   */
  advance(since: number, until: number): boolean {
    const points = this.#points;
    const back = since < this.#since || until < this.#until;
    this.#since = since;
    this.#until = until;
    if (back || points.first > this.from) {
      this.from = points.search(since);
      this.to = Math.max(points.search(until), this.from);
      this.#touched = false;
      this.#recount(points);
      return true;
    }
    const { from, to } = this;
    const { end } = points;
    for (; this.from < end && points.timeAt(this.from) < since; this.from += 1) {
      if (this.from < to) this.#take(points, this.from, -1);
    }
    if (this.to < this.from) this.to = this.from;
    for (; this.to < end && points.timeAt(this.to) < until; this.to += 1) this.#take(points, this.to, 1);
    if (this.from === from && this.to === to && !this.#touched) return false;
    this.#touched = false;
    this.#refresh(points);
    return true;
  }

  /** For {@link fetchAhead}: where points come and go, and what they are added to. */
  read(): number {
    const points = this.#points;
    const first = this.from >= points.first && this.from < points.end ? points.timeAt(this.from) : 0;
    return points.read() + first + this.tally.records + this.tally.last + (this.buckets?.read() ?? 0);
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

  /** Hears of a point that came in between others. */
  inserted(sequence: number): void {
    const points = this.#points;
    if (sequence > this.to || (sequence === this.to && this.from < this.to)) return;
    if (points.timeAt(sequence) < this.#since) {
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
    if (this.buckets !== undefined && !this.buckets.add(value, sign)) {
      this.buckets = undefined;
      this.#far = true;
    }
    if (value === Infinity) tally.highs += sign;
    else if (value === -Infinity) tally.lows += sign;
    else {
      tally.addToSum(sign * value);
      const deviation = value - this.#shift;
      this.#deviations += sign * deviation;
      this.#squares += sign * deviation * deviation;
      if (this.#squares > this.#loudestSquares) this.#loudestSquares = this.#squares;
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
    if (!Number.isFinite(tally.sum) || this.#removed > 1024 + 16 * tally.count) {
      this.#recount(points);
      return;
    }
    const mean = tally.finite === 0 ? 0 : this.#deviations / tally.finite;
    tally.center = this.#shift + mean;
    tally.squares = Math.max(this.#squares - mean * this.#deviations, 0);
    if (tally.squares * LOUD_SQUARES < this.#loudestSquares) {
      this.#recount(points);
      return;
    }
    this.#ends(points);
    if (tally.count < MOST_SORTED / 2) this.buckets = undefined;
    else if (tally.count > MOST_SORTED && this.buckets === undefined && !this.#far) this.#fill(points);
  }

  /** Finds the extremes of what is left, when the last of those that were is gone. */
  #findExtremes(points: Points): void {
    const { tally } = this;
    const before = Math.max(Math.abs(tally.min), Math.abs(tally.max));
    let [min, max, atMin, atMax] = [Infinity, -Infinity, 0, 0];
    for (let at = this.from; at < this.to; at += 1) {
      const value = points.valueAt(at);
      if (value < min) [min, atMin] = [value, 0];
      if (value > max) [max, atMax] = [value, 0];
      if (value === min) atMin += 1;
      if (value === max) atMax += 1;
    }
    [tally.min, tally.max, this.#atMin, this.#atMax] = [min, max, atMin, atMax];
    // Beside one so large others were rounded away; and of nothing the sum is to be zero.
    const left = atMin === 0 ? 0 : Math.max(Math.abs(min), Math.abs(max));
    if (!(before <= LOUD * left)) this.#removed = Infinity;
  }

  #recount(points: Points): void {
    const { tally } = this;
    tally.clear();
    this.buckets = undefined;
    this.#far = false;
    this.#removed = 0;
    this.#atMin = 0;
    this.#atMax = 0;
    this.#shift = 0;
    for (let at = this.from; at < this.to; at += 1) this.#take(points, at, 1);
    this.#deviations = 0;
    this.#squares = 0;
    this.#shift = this.#roughMean(points);
    for (let at = this.from; at < this.to; at += 1) {
      const value = points.valueAt(at);
      if (!Number.isFinite(value)) continue;
      const deviation = value - this.#shift;
      this.#deviations += deviation;
      this.#squares += deviation * deviation;
    }
    this.#loudestSquares = this.#squares;
    const rest = tally.finite === 0 ? 0 : this.#deviations / tally.finite;
    tally.center = this.#shift + rest;
    tally.squares = Math.max(this.#squares - rest * this.#deviations, 0);
    this.#ends(points);
    if (tally.count > MOST_SORTED) this.#fill(points);
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

  #fill(points: Points): void {
    const buckets = new Buckets(false);
    for (let at = this.from; at < this.to; at += 1) {
      const value = points.valueAt(at);
      if (!Number.isNaN(value) && !buckets.add(value, 1)) {
        this.#far = true;
        return;
      }
    }
    this.buckets = buckets;
  }
}
