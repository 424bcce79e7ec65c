import { PERCENTILES } from './measured.js';
import { quantileOfFirst } from './quantile.js';
import { Buckets } from './window-buckets.js';
import type { NumberPart } from './window-part.js';
import { Sorted } from './window-sorted.js';

/** So many values are kept in order; of more, quantiles come from buckets. */
const MOST_SORTED = 512;

/** What quantiles of one series are read from: its values in order or, where they are many, counts by magnitude. */
export class Ranked {
  /** Undefined where there are too many, or where many have come since the last time. */
  sorted: Sorted | undefined;
  buckets: Buckets | undefined;
  /** The values lie too far apart for buckets. */
  #far = false;

  /** Forgets all values. */
  clear(): void {
    this.sorted = undefined;
    this.buckets = undefined;
    this.#far = false;
  }

  /** Adds a value that is not NaN, or takes it away. */
  take(value: number, sign: 1 | -1): void {
    const { sorted, buckets } = this;
    if (sorted !== undefined) {
      if (sign < 0) sorted.remove(value);
      else if (sorted.size < MOST_SORTED) sorted.insert(value);
      else this.sorted = undefined;
    } else if (buckets !== undefined && !buckets.add(value, sign)) {
      this.buckets = undefined;
      this.#far = true;
    }
  }

  /** Makes what is not there of the values of a part, or would better be the other of the two. */
  arrange(part: NumberPart): void {
    const { count } = part.tally;
    // Those whose number goes up and down around the limit stay as they are.
    const most = this.buckets === undefined && !this.#far ? MOST_SORTED : MOST_SORTED / 2;
    if (count > most) {
      this.sorted = undefined;
      if (this.buckets === undefined && !this.#far) this.#fill(part);
      return;
    }
    this.buckets = undefined;
    this.#far = false;
    if (this.sorted !== undefined) return;
    const values = new Float64Array(Math.ceil(count * 1.25) + 4);
    part.values(values, 0);
    this.sorted = new Sorted(values, count);
  }

  /** Writes the quantiles that every group has; false where they are not known from values in order. */
  percentiles(into: Float64Array, from: number): boolean {
    if (this.sorted === undefined) return false;
    const { size, values } = this.sorted;
    for (let i = 0; i < PERCENTILES.length; i += 1)
      into[from + i] = quantileOfFirst(size, values, PERCENTILES[i]!);
    return true;
  }

  /** For {@link fetchAhead}: where values come and go. */
  read(): number {
    return this.sorted?.read() ?? this.buckets?.read() ?? 0;
  }

  #fill(part: NumberPart): void {
    const values = new Float64Array(part.tally.count);
    part.values(values, 0);
    const buckets = new Buckets(false);
    this.#far = !values.every((value) => buckets.add(value, 1));
    if (!this.#far) this.buckets = buckets;
  }
}
