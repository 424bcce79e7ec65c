/** Something that can do with less memory, by giving up exactness. */
export interface Foldable {
  /** Bytes of the values it keeps. */
  readonly bytes: number;
  /** Makes buckets of the values. */
  fold(): void;
}

/**
 * The memory that all raw values of an analysis may take together.
 *
 * @remarks
 * Where it is used up, the largest group folds its values, then the next: small groups stay exact the longest.
 */
export class Memory {
  readonly #limit: number;
  readonly #foldable = new Set<Foldable>();
  #used = 0;

  /** Starts with nothing used of so many bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Whether there is no room for another group. */
  get full(): boolean {
    return this.#used >= this.#limit && this.#foldable.size === 0;
  }

  /** Says that values now use so many bytes more, or less where it is negative. */
  use(bytes: number): void {
    this.#used += bytes;
  }

  /** Names who may be folded when memory runs out. */
  offer(foldable: Foldable): void {
    this.#foldable.add(foldable);
  }

  /** Folds the largest until the limit is kept, or nobody is left. */
  keep(): void {
    while (this.#used > this.#limit && this.#foldable.size > 0) {
      let largest: Foldable | undefined;
      for (const one of this.#foldable) if (largest === undefined || one.bytes > largest.bytes) largest = one;
      this.#foldable.delete(largest!);
      largest!.fold();
    }
  }
}
