import type { MetricRecord, RecordType } from '../record.js';
import { ExplicitTotal } from './cumulative-explicit.js';
import { ExponentialTotal } from './cumulative-exponential.js';
import type { HistogramNumbers } from './histogram-numbers.js';

/** The numbers of a point, under the names that they have in a record. */
export type Numbers = Pick<MetricRecord, 'value'> & HistogramNumbers;

/** What the points of one series add up to. */
export interface Total {
  /**
   * Adds a point, or what it has more than the one before it in its cumulative stream.
   *
   * @returns Whether that made sense. Nothing was added where it did not: a counter that fell, a sum that is no number.
   */
  add(point: Numbers, before?: Numbers): boolean;
  /** The total as a point, made anew: whoever gets it may keep it. */
  numbers(): Numbers;
}

/** A total of nothing. */
export function emptyTotal(type: Exclude<RecordType, 'gauge'>): Total {
  if (type === 'histogram') return new ExplicitTotal();
  return type === 'exponential_histogram' ? new ExponentialTotal() : new SumTotal(type === 'counter');
}

/**
 * The total of a counter or an up-down counter.
 *
 * @remarks
 * Plain addition, exact for whole numbers up to 2^53. That of fractions rounds, but never down: a counter to which
 * nothing negative is added does not fall.
 */
class SumTotal implements Total {
  readonly #monotonic: boolean;
  #total = 0;

  constructor(monotonic: boolean) {
    this.#monotonic = monotonic;
  }

  add({ value }: Numbers, before?: Numbers): boolean {
    const added = value - (before?.value ?? 0);
    const total = this.#total + added;
    if (!Number.isFinite(total) || (this.#monotonic && added < 0)) return false;
    this.#total = total;
    return true;
  }

  numbers(): Numbers {
    return { value: this.#total };
  }
}
