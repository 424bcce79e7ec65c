/** Buckets in a doubling of value: base 2^(2^-7), as an exponential histogram of scale 7. */
const PER_DOUBLING = 128;
/** Buckets that are also counted together, so that a rank is found without looking at each of them. */
const BLOCK = 32;
const BLOCK_SHIFT = 5;
/** A side spans at most all doubles: 2^-1074 to 2^1024. */
const WIDEST = 2100 * PER_DOUBLING;

/** No value is further than this part of it from the middle, taken by ratio, of its bucket. */
export const BUCKET_ERROR = 2 ** (0.5 / PER_DOUBLING) - 1;

const DOUBLING_SHIFT = 7;
/** The middles of the buckets from 1 to 2. */
const MIDDLES = Float64Array.from({ length: PER_DOUBLING }, (_, i) => 2 ** ((i + 0.5) / PER_DOUBLING));

/** Powers of two, from that of the smallest double on: to compute one takes longer than to find a rank. */
const LOWEST_POWER = -1075;
const POWERS = Float64Array.from({ length: 2100 }, (_, i) => 2 ** (i + LOWEST_POWER));

type Counts = Uint16Array | Uint32Array;

/** Counts of the magnitudes of one sign, from bucket `low` on. */
class Side {
  total = 0;
  low = 0;
  /** As of the last {@link Side.locate}. */
  below = 0;
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

  /** The bucket that holds a rank, counted from the smallest magnitude; `below` says how many lie in those before. */
  locate(rank: number): number {
    const { blocks, counts } = this;
    let before = 0;
    let block = 0;
    while (before + blocks[block]! <= rank) before += blocks[block++]!;
    let at = block * BLOCK;
    while (before + counts[at]! <= rank) before += counts[at++]!;
    this.below = before;
    return at + this.low;
  }

  read(): number {
    const { counts, blocks } = this;
    if (blocks.length === 0) return 0;
    let sum = blocks[0]!;
    for (let at = 0; at < counts.length; at += BLOCK) sum += counts[at]!;
    return sum;
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
  /** What was asked for last: its rank, its value, and how many more follow in the same bucket. */
  #rank = 0;
  #value = 0;
  #alike = 0;

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

  /** For {@link fetchAhead}: those of positive values, for there hardly are others. */
  read(): number {
    return this.positive.read();
  }

  /** How many there are. */
  get count(): number {
    return this.#low + this.negative.total + this.#zeros + this.positive.total + this.#high;
  }

  /** The value at a rank, counted from the smallest one, as the middle of its bucket. */
  at(rank: number): number {
    this.#rank = rank;
    let rest = rank - this.#low;
    this.#alike = -rest - 1;
    if (rest < 0) return (this.#value = -Infinity);
    if (rest < this.negative.total) {
      // The smallest has the largest magnitude.
      const mirrored = this.negative.total - 1 - rest;
      const index = this.negative.locate(mirrored);
      this.#alike = mirrored - this.negative.below;
      return (this.#value = -middle(index));
    }
    rest -= this.negative.total;
    this.#alike = this.#zeros - rest - 1;
    if (rest < this.#zeros) return (this.#value = 0);
    rest -= this.#zeros;
    if (rest >= this.positive.total) return (this.#value = Infinity);
    const index = this.positive.locate(rest);
    this.#alike = this.positive.below + this.positive.counts[index - this.positive.low]! - rest - 1;
    return (this.#value = middle(index));
  }

  /** The value at the rank behind that which {@link Buckets.at} was asked for. */
  get next(): number {
    return this.#alike > 0 ? this.#value : this.at(this.#rank + 1);
  }
}

/** The value of a bucket that is nearest, by ratio, to all that may be in it. */
function middle(index: number): number {
  return MIDDLES[index & (PER_DOUBLING - 1)]! * POWERS[(index >> DOUBLING_SHIFT) - LOWEST_POWER]!;
}
