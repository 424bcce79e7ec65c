import { Folded } from './folded.js';
import type { Foldable, Memory } from './memory.js';
import { between, ranksOf } from './quantile.js';
import { atRanks } from './selected.js';
import { Spread } from './spread.js';

const FIRST_CAPACITY = 32;
/** Few steps, because each costs as much as adding a hundred numbers. */
const GROWTH = 4;
/** Numbers in a piece of those who have many: 256 KiB. */
const PIECE = 32_768;
/** Numbers that are added up at once, while they are in the processor's cache. */
const BLOCK = 1024;
const BYTES = Float64Array.BYTES_PER_ELEMENT;

/**
 * Numbers, with statistics of all of them: exact as long as memory is there to keep each, 8 bytes a number.
 *
 * @remarks
 * Kept in pieces: one that grows up to 256 KiB, then more of that size, so that nothing large is ever copied.
 */
export class Values implements Foldable {
  readonly #memory: Memory;
  readonly #spread = new Spread();
  /** Full pieces. */
  readonly #full: Float64Array[] = [];
  #piece = new Float64Array(FIRST_CAPACITY);
  #length = 0;
  /** How many of the piece are in the spread. */
  #counted = 0;
  /** The length at which there is something to do. */
  #limit = FIRST_CAPACITY;
  #folded: Folded | undefined;

  /** Starts empty. */
  constructor(memory: Memory) {
    this.#memory = memory;
    memory.use(FIRST_CAPACITY * BYTES);
  }

  /** Bytes of the numbers that are kept. */
  get bytes(): number {
    return (this.#full.length * PIECE + this.#piece.length) * BYTES;
  }

  /** No quantile is further from the exact one than this part of it; 0 where all numbers are kept. */
  get error(): number {
    return this.#folded?.error ?? 0;
  }

  /** Whether quantiles are exact. */
  get exact(): boolean {
    return this.#folded === undefined;
  }

  /** Adds one number, not NaN. */
  push(value: number): void {
    if (this.#length === this.#limit) this.#makeRoom();
    this.#piece[this.#length] = value;
    this.#length += 1;
  }

  /** Count, sum, extremes, mean and deviation of all numbers: exact in any case. */
  spread(): Spread {
    this.#count();
    return this.#spread;
  }

  /** The quantiles that are asked for, or null of nothing; see {@link quantile}. */
  quantiles(asked: readonly number[]): (number | null)[] {
    const { count, min, max } = this.spread();
    if (count === 0) return asked.map(() => null);
    const ranks = asked.flatMap((q) => ranksOf(count, q));
    const found = this.#atRanks(ranks, min, max);
    return asked.map((q, i) => between(count, q, found[2 * i]!, found[2 * i + 1]!));
  }

  #atRanks(ranks: readonly number[], min: number, max: number): number[] {
    const folded = this.#folded;
    if (folded !== undefined) {
      this.#flush(folded);
      return ranks.map((rank) => Math.min(Math.max(folded.atRank(rank), min), max));
    }
    return atRanks([...this.#full, this.#piece.subarray(0, this.#length)], ranks, min, max);
  }

  /** Keeps no number any more, but how many there are in each bucket. */
  fold(): void {
    this.#count();
    this.#folded = new Folded();
    const before = this.bytes;
    for (const piece of this.#full) this.#folded.add(piece);
    this.#full.length = 0;
    this.#flush(this.#folded);
    // From here on the piece is what numbers wait in until there are enough of them.
    this.#piece = new Float64Array(BLOCK);
    this.#limit = BLOCK;
    this.#memory.use(this.bytes + this.#folded.bytes - before);
  }

  #count(): void {
    this.#spread.add(this.#piece, this.#counted, this.#length);
    this.#counted = this.#length;
  }

  #flush(folded: Folded): void {
    const before = folded.bytes;
    folded.add(this.#piece.subarray(0, this.#length));
    this.#length = 0;
    this.#counted = 0;
    this.#memory.use(folded.bytes - before);
  }

  #makeRoom(): void {
    if (this.#length - this.#counted >= BLOCK) this.#count();
    if (this.#folded !== undefined) this.#flush(this.#folded);
    else if (this.#length === this.#piece.length) this.#grow();
    if (this.#folded === undefined) this.#limit = Math.min(this.#piece.length, this.#length + BLOCK);
  }

  #grow(): void {
    const before = this.bytes;
    if (this.#length === PIECE) {
      this.#count();
      this.#full.push(this.#piece);
      this.#piece = new Float64Array(PIECE);
      this.#length = 0;
      this.#counted = 0;
    } else {
      const grown = new Float64Array(this.#length * GROWTH);
      grown.set(this.#piece);
      this.#piece = grown;
      if (grown.length === PIECE) this.#memory.offer(this);
    }
    this.#memory.use(this.bytes - before);
    this.#memory.keep();
  }
}
