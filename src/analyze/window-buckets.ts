/** Buckets in a doubling of value: base 2^(2^-7), as an exponential histogram of scale 7. */
const PER_DOUBLING = 128;
/** Buckets that are also counted together, so that a rank is found without looking at each of them. */
const BLOCK = 32;
const BLOCK_SHIFT = 5;
/** A side spans at most all doubles: 2^-1074 to 2^1024. */
const WIDEST = 2100 * PER_DOUBLING;

/** No value is further than this part of it from the middle, taken by ratio, of its bucket. */
export const BUCKET_ERROR = 2 ** (0.5 / PER_DOUBLING) - 1;

type Counts = Uint16Array | Uint32Array;

/** Counts of the magnitudes of one sign, from bucket `low` on. */
class Side {
  total = 0;
  low = 0;
  counts: Counts;
  blocks: Counts;
  readonly #make: new (length: number) => Counts;
  readonly #widest: number;

  constructor(make: new (length: number) => Counts, widest: number) {
    this.#make = make;
    this.#widest = widest;
    this.counts = new make(0);
    this.blocks = new make(0);
  }

  /** Adds to a bucket, or takes away; false where it lies too far from the others. */
  add(index: number, n: number): boolean {
    if ((index < this.low || index >= this.low + this.counts.length) && !this.#cover(index)) return false;
    const at = index - this.low;
    this.counts[at]! += n;
    this.blocks[at >> BLOCK_SHIFT]! += n;
    this.total += n;
    return true;
  }

  merge(other: Side): void {
    if (other.total === 0) return;
    this.#cover(other.low);
    this.#cover(other.low + other.counts.length - 1);
    const shift = other.low - this.low;
    for (let block = 0; block < other.blocks.length; block += 1) {
      if (other.blocks[block] === 0) continue;
      this.blocks[block + (shift >> BLOCK_SHIFT)]! += other.blocks[block]!;
      const end = (block + 1) * BLOCK;
      for (let i = block * BLOCK; i < end; i += 1) this.counts[i + shift]! += other.counts[i]!;
    }
    this.total += other.total;
  }

  /** The bucket that holds a rank, counted from the smallest magnitude; and how many lie in it and below. */
  locate(rank: number): { readonly index: number; readonly upTo: number } {
    let before = 0;
    let block = 0;
    while (before + this.blocks[block]! <= rank) before += this.blocks[block++]!;
    let at = block * BLOCK;
    while (before + this.counts[at]! <= rank) before += this.counts[at++]!;
    return { index: at + this.low, upTo: before + this.counts[at]! };
  }

  #cover(index: number): boolean {
    const length = this.counts.length;
    const first = Math.floor(index / BLOCK) * BLOCK;
    const low = length === 0 ? first : Math.min(first, this.low);
    const high = Math.max(length === 0 ? -Infinity : this.low + length, first + BLOCK);
    if (high - low > this.#widest) return false;
    if (high - low === length) return true;
    const counts = new this.#make(high - low);
    const blocks = new this.#make((high - low) / BLOCK);
    if (length > 0) {
      counts.set(this.counts, this.low - low);
      blocks.set(this.blocks, (this.low - low) / BLOCK);
    }
    this.counts = counts;
    this.blocks = blocks;
    this.low = low;
    return true;
  }
}

/**
 * Counts of values by magnitude, from which quantiles are read with a relative error of at most {@link BUCKET_ERROR}.
 *
 * @remarks
 * Those of one series, up to 65,535 values, take two bytes a bucket and span at most 2^32 on each side of zero; `wide`
 * ones hold any values and any number of them.
 */
export class Buckets {
  readonly positive: Side;
  readonly negative: Side;
  #zeros = 0;
  #low = 0;
  #high = 0;

  constructor(wide: boolean) {
    const make = wide ? Uint32Array : Uint16Array;
    const widest = wide ? WIDEST : 32 * PER_DOUBLING;
    this.positive = new Side(make, widest);
    this.negative = new Side(make, widest);
  }

  /** Adds a value that is not NaN `n` times, or takes it away; false where it lies too far from the others. */
  add(value: number, n: number): boolean {
    if (value === 0) this.#zeros += n;
    else if (value === Infinity) this.#high += n;
    else if (value === -Infinity) this.#low += n;
    else if (value > 0) return this.positive.add(Math.floor(Math.log2(value) * PER_DOUBLING), n);
    else return this.negative.add(Math.floor(Math.log2(-value) * PER_DOUBLING), n);
    return true;
  }

  /** Adds what others have counted. Only wide ones can take any others. */
  merge(other: Buckets): void {
    this.positive.merge(other.positive);
    this.negative.merge(other.negative);
    this.#zeros += other.#zeros;
    this.#low += other.#low;
    this.#high += other.#high;
  }

  /** How many there are. */
  get count(): number {
    return this.#low + this.negative.total + this.#zeros + this.positive.total + this.#high;
  }

  /** The values at a rank, counted from the smallest one, and at the next; each as the middle of its bucket. */
  at(rank: number): readonly [value: number, next: number] {
    let rest = rank - this.#low;
    if (rest < 0) return [-Infinity, rest < -1 ? -Infinity : this.#from(this.#low)];
    if (rest < this.negative.total) {
      // The smallest has the largest magnitude.
      const mirrored = this.negative.total - 1 - rest;
      const { index, upTo } = this.negative.locate(mirrored);
      const before = upTo - (this.negative.counts[index - this.negative.low] ?? 0);
      const value = -middle(index);
      return [value, mirrored - 1 >= before ? value : this.#from(rank + 1)];
    }
    rest -= this.negative.total;
    if (rest < this.#zeros) return [0, rest + 1 < this.#zeros ? 0 : this.#from(rank + 1)];
    rest -= this.#zeros;
    if (rest >= this.positive.total) return [Infinity, Infinity];
    const { index, upTo } = this.positive.locate(rest);
    const value = middle(index);
    return [value, rest + 1 < upTo ? value : this.#from(rank + 1)];
  }

  /** The value at a rank; Infinity behind the last. */
  #from(rank: number): number {
    return rank < this.count ? this.at(rank)[0] : Infinity;
  }
}

/** The value of a bucket that is nearest, by ratio, to all that may be in it. */
function middle(index: number): number {
  return 2 ** ((index + 0.5) / PER_DOUBLING);
}
