import { ExponentialBuckets } from './exponential-buckets.js';

/** Buckets are 2^(2^-8), 0.27 %, wide. */
const FOLD_SCALE = 8;
/** All that there are between the smallest double and the largest: 4.3 MB a side where values are that far apart. */
const MAX_BUCKETS = 2 ** 20;
const INDEXES_PER_DOUBLING = 2 ** FOLD_SCALE;

/**
 * Numbers of which only the bucket is known: those of an exponential histogram.
 *
 * @remarks
 * Bucket i holds what is above base^i and at most base^(i+1), as the OpenTelemetry data model has it; see
 * {@link ExponentialBuckets}. Infinities are counted apart, since no bucket holds them.
 */
export class Folded {
  readonly #buckets = new ExponentialBuckets(MAX_BUCKETS);
  #lowest = 0;

  /** No quantile is further from the exact one than this part of it. */
  get error(): number {
    return this.#buckets.error;
  }

  /** Bytes of the buckets. */
  get bytes(): number {
    const { positive, negative } = this.#buckets;
    return positive.bucketCounts.byteLength + negative.bucketCounts.byteLength;
  }

  /** Adds numbers, none of them NaN. */
  add(values: Float64Array): void {
    let zeroCount = 0;
    const positive: number[] = [];
    const negative: number[] = [];
    for (const value of values) {
      if (value === 0) zeroCount += 1;
      else if (value === -Infinity) this.#lowest += 1;
      else if (value < 0) negative.push(indexOf(-value));
      // What is behind all buckets needs no count: it is at every rank that they do not reach.
      else if (value < Infinity) positive.push(indexOf(value));
    }
    this.#buckets.add({
      scale: FOLD_SCALE,
      zeroCount,
      positive: bucketsOf(positive),
      negative: bucketsOf(negative),
    });
  }

  /** About the number that would stand at a rank if all were sorted. */
  atRank(rank: number): number {
    if (rank < this.#lowest) return -Infinity;
    return this.#buckets.atRank(rank - this.#lowest) ?? Infinity;
  }
}

/** The bucket of a positive number; where the logarithm is rounded at a boundary, the one beside it may be taken. */
function indexOf(value: number): number {
  return Math.ceil(Math.log2(value) * INDEXES_PER_DOUBLING) - 1;
}

function bucketsOf(indexes: readonly number[]): { offset: number; bucketCounts: Float64Array } {
  let first = Infinity;
  let last = -Infinity;
  for (const index of indexes) {
    if (index < first) first = index;
    if (index > last) last = index;
  }
  if (first > last) return { offset: 0, bucketCounts: new Float64Array(0) };
  const bucketCounts = new Float64Array(last - first + 1);
  for (const index of indexes) bucketCounts[index - first]! += 1;
  return { offset: first, bucketCounts };
}
