const FIRST_CAPACITY = 16;

/** Numbers in a buffer that grows: 8 bytes each, at most twice that while it has room to spare. */
export class Values {
  #items = new Float64Array(FIRST_CAPACITY);
  #length = 0;

  /** Adds one number. */
  push(value: number): void {
    if (this.#length === this.#items.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[this.#length] = value;
    this.#length += 1;
  }

  /** The numbers, sorted in place: a view that is good until the next push. */
  sorted(): Float64Array {
    return this.#items.subarray(0, this.#length).sort();
  }
}

/**
 * A sum whose error does not grow with the number of its terms.
 *
 * @remarks
 * Neumaier's variant of Kahan's compensated summation ("Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
 * Summen", ZAMM 54, 1974): what each addition rounds away is added up apart, and put back at the end.
 */
export class Sum {
  #sum = 0;
  #lost = 0;

  /** Adds one term. */
  add(term: number): void {
    const sum = this.#sum + term;
    this.#lost += Math.abs(this.#sum) >= Math.abs(term) ? this.#sum - sum + term : term - sum + this.#sum;
    this.#sum = sum;
  }

  /** The sum so far; infinite or NaN as plain addition has it. */
  get total(): number {
    return Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum;
  }
}

/** The compensated sum of many numbers; see {@link Sum}. */
export function sumOf(terms: ArrayLike<number>): number {
  const sum = new Sum();
  for (let i = 0; i < terms.length; i += 1) sum.add(terms[i]!);
  return sum.total;
}

/** The mean of sorted numbers, of which there is at least one. */
export function meanOf(sorted: Float64Array, sum: number): number {
  const smallest = sorted[0]!;
  const largest = sorted[sorted.length - 1]!;
  let mean = sum / sorted.length;
  if (!Number.isFinite(sum) && Number.isFinite(smallest) && Number.isFinite(largest)) {
    // Only the sum is too large for a double.
    mean = sumOf(sorted.map((value) => value / sorted.length));
  }
  // A mean that was rounded must not leave the range of what it is a mean of.
  return Math.min(Math.max(mean, smallest), largest);
}
