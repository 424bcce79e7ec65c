/**
 * How long things took, exact to three digits, in memory that does not grow with their number: a run may take days.
 */
export class Durations {
  readonly #counts = new Map<number, number>();
  #count = 0;
  #sum = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** All of them together. */
  get sum(): number {
    return this.#sum;
  }

  /** Adds one. */
  add(duration: number): void {
    const key = Number(duration.toPrecision(3));
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#count += 1;
    this.#sum += duration;
  }

  /** Adds all of another one. */
  merge(other: Durations): void {
    for (const [key, count] of other.#counts) this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
    this.#count += other.#count;
    this.#sum += other.#sum;
  }

  /** The least duration that this part of them does not exceed; null where there is none. */
  quantile(q: number): number | null {
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (const key of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(key)!;
      if (seen >= rank) return key;
    }
    return null;
  }
}
