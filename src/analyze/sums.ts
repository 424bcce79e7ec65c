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

  /** Adds what another sum has. */
  merge(other: Sum): void {
    this.add(other.#sum);
    // Beside an infinity or NaN there is nothing that rounding took away.
    if (Number.isFinite(other.#lost)) this.add(other.#lost);
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
