import type { MetricRecord } from '../record.js';
import { Sum } from './sums.js';

/** What every point of a histogram says, whatever its buckets are. */
type Point = Pick<MetricRecord, 'count' | 'sum' | 'min' | 'max'>;

/** Count, sum, minimum and maximum of histogram points. */
export class Moments {
  /** Measurements so far. */
  count = 0;
  /** No measurement is smaller; -Infinity where that is not known. */
  low = Infinity;
  /** No measurement is larger; Infinity where that is not known. */
  high = -Infinity;
  readonly #sum = new Sum();
  #hasSum = true;
  #smallest = Infinity;
  #largest = -Infinity;

  /**
   * Adds a point, or by how much it differs from the one before it in its cumulative stream.
   *
   * @remarks
   * The minimum of a cumulative point may be older than the window. It is surely in the window only where it is new;
   * otherwise it is a limit and no more.
   */
  add(record: Point, before?: Point): void {
    const count = (record.count ?? 0) - (before?.count ?? 0);
    if (count <= 0) return;
    this.count += count;
    if (record.sum === undefined || (before !== undefined && before.sum === undefined)) this.#hasSum = false;
    else this.#sum.add(record.sum - (before?.sum ?? 0));

    const min = Number.isNaN(record.min) ? undefined : record.min;
    this.low = Math.min(this.low, min ?? -Infinity);
    if (min !== undefined && (before === undefined || min < (before.min ?? NaN))) {
      this.#smallest = Math.min(this.#smallest, min);
    }
    const max = Number.isNaN(record.max) ? undefined : record.max;
    this.high = Math.max(this.high, max ?? Infinity);
    if (max !== undefined && (before === undefined || max > (before.max ?? NaN))) {
      this.#largest = Math.max(this.#largest, max);
    }
  }

  /** Adds what others came to. */
  merge(other: Moments): void {
    this.count += other.count;
    this.#sum.merge(other.#sum);
    this.#hasSum &&= other.#hasSum;
    this.low = Math.min(this.low, other.low);
    this.high = Math.max(this.high, other.high);
    this.#smallest = Math.min(this.#smallest, other.#smallest);
    this.#largest = Math.max(this.#largest, other.#largest);
  }

  /** The sum, or null where a point had none. */
  get sum(): number | null {
    return this.#hasSum ? this.#sum.total : null;
  }

  /** The mean, or null. */
  get avg(): number | null {
    return this.count === 0 || !this.#hasSum ? null : this.#sum.total / this.count;
  }

  /** The smallest measurement, or null where it is not known. */
  get min(): number | null {
    return this.count > 0 && this.#smallest <= this.low ? this.low : null;
  }

  /** The largest measurement, or null where it is not known. */
  get max(): number | null {
    return this.count > 0 && this.#largest >= this.high ? this.high : null;
  }
}

/** Where a rank, from 0 to the total of the counts, falls: in which bucket, and how far into it, from 0 to 1. */
export function locate(
  counts: ArrayLike<number>,
  rank: number,
): { readonly index: number; readonly fraction: number } | undefined {
  let before = 0;
  let last: number | undefined;
  for (let index = 0; index < counts.length; index += 1) {
    const count = counts[index]!;
    if (count <= 0) continue;
    if (before + count >= rank) return { index, fraction: (rank - before) / count };
    before += count;
    last = index;
  }
  // Counts that were added up in another order may round to a little less than the rank.
  return last === undefined ? undefined : { index: last, fraction: 1 };
}
