import type { Numbers } from './cumulative-total.js';

/** Sum, minimum and maximum of the measurements in a histogram, as far as its points tell. */
export class TotalMoments {
  #sum: number | undefined = 0;
  #min: number | undefined = Infinity;
  #max: number | undefined = -Infinity;

  /**
   * Adds those of a point with at least one measurement.
   *
   * @remarks
   * The extremes of a cumulative point are those since its start, all of which is in the total.
   */
  add({ sum, min, max }: Numbers, before?: Numbers): void {
    const added = sum === undefined ? undefined : sum - (before?.sum ?? 0);
    this.#sum = this.#sum === undefined || added === undefined ? undefined : this.#sum + added;
    this.#min = this.#min === undefined || min === undefined ? undefined : Math.min(this.#min, min);
    this.#max = this.#max === undefined || max === undefined ? undefined : Math.max(this.#max, max);
  }

  /** As they stand in a point with so many measurements: what not every point told is left out. */
  numbers(count: number): Pick<Numbers, 'value' | 'count' | 'sum' | 'min' | 'max'> {
    const sum = this.#sum;
    const value = sum === undefined || count === 0 ? NaN : sum / count;
    const numbers = { value, count, ...(sum !== undefined && { sum }) };
    if (count === 0) return numbers;
    return {
      ...numbers,
      ...(this.#min !== undefined && { min: this.#min }),
      ...(this.#max !== undefined && { max: this.#max }),
    };
  }
}
