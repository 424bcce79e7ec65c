/**
 * Most buckets on either side of merged points.
 *
 * @remarks
 * 32 KiB a side. Values that span 32 powers of two (1 ms to 50 days) keep scale 7, buckets 0.54 % wide.
 */
const MAX_BUCKETS = 4096;

/** One side of an exponential histogram as a point has it. */
interface PointBuckets {
  readonly offset: number;
  readonly bucketCounts: ArrayLike<number>;
}

/** Buckets of an exponential histogram, of a point or of many that were merged. */
export interface ExponentialCounts {
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: PointBuckets;
  readonly negative: PointBuckets;
}

/** The buckets of one side, at one scale. */
class Side implements PointBuckets {
  offset = 0;
  bucketCounts = new Float64Array(0);

  /** Adds counts at whole indexes of 2^shift buckets each. */
  add({ offset, bucketCounts }: PointBuckets, shift: number, sign: number): void {
    const range = rangeOf({ offset, bucketCounts }, shift);
    if (range === undefined) return;
    this.#cover(range);
    for (let i = 0; i < bucketCounts.length; i += 1) {
      const count = bucketCounts[i]!;
      if (count !== 0) this.bucketCounts[halved(offset + i, shift) - this.offset]! += sign * count;
    }
  }

  /** Merges 2^shift buckets each into one. */
  downscale(shift: number): void {
    const finer = { offset: this.offset, bucketCounts: this.bucketCounts };
    this.bucketCounts = new Float64Array(0);
    this.add(finer, shift, 1);
  }

  #cover(range: Range): void {
    const own = this.bucketCounts.length === 0 ? undefined : rangeOf(this, 0, true);
    const first = Math.min(range.first, own?.first ?? Infinity);
    const last = Math.max(range.last, own?.last ?? -Infinity);
    if (first === own?.first && last === own.last) return;
    const grown = new Float64Array(last - first + 1);
    if (own !== undefined) grown.set(this.bucketCounts, own.first - first);
    this.bucketCounts = grown;
    this.offset = first;
  }
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * Counts by magnitude, in buckets of one relative width: bucket i holds what is above base^i and at most base^(i+1),
 * where base = 2^(2^-scale).
 *
 * @remarks
 * The mathematics of https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram. A bucket of a
 * lower scale is a pair of those above it, so that histograms of different scales merge without error at the lower one.
 */
export class ExponentialBuckets implements ExponentialCounts {
  scale = Infinity;
  zeroCount = 0;
  readonly positive = new Side();
  readonly negative = new Side();
  readonly #maxBuckets: number;

  /**
   * Starts empty.
   *
   * @param maxBuckets - Most buckets on either side; with more the resolution is halved until they fit.
   */
  constructor(maxBuckets = MAX_BUCKETS) {
    this.#maxBuckets = maxBuckets;
  }

  /** Adds the counts of another histogram, or with a sign of -1 takes them away. */
  add(other: ExponentialCounts, sign: 1 | -1 = 1): void {
    const scale = this.#commonScale(other);
    if (this.scale > scale && this.scale !== Infinity) {
      this.positive.downscale(this.scale - scale);
      this.negative.downscale(this.scale - scale);
    }
    this.scale = scale;
    this.zeroCount += sign * other.zeroCount;
    this.positive.add(other.positive, other.scale - scale, sign);
    this.negative.add(other.negative, other.scale - scale, sign);
  }

  /** Whether there are less than none in a bucket, because more was taken away than there was. */
  get overdrawn(): boolean {
    const sides = [this.positive.bucketCounts, this.negative.bucketCounts];
    return this.zeroCount < 0 || sides.some((counts) => counts.some((count) => count < 0));
  }

  /** How many were counted. */
  get count(): number {
    return totalOf(this.negative.bucketCounts) + this.zeroCount + totalOf(this.positive.bucketCounts);
  }

  /** How far a number may be from another in its bucket, as a part of it: the width of a bucket, 2^(2^-scale) - 1. */
  get error(): number {
    const none = this.positive.bucketCounts.length === 0 && this.negative.bucketCounts.length === 0;
    return none ? 0 : 2 ** (2 ** -this.scale) - 1;
  }

  /**
   * About the number that would stand at a rank if all were sorted; undefined where there are not so many.
   *
   * @remarks
   * It is in the bucket of that number. Within the bucket the logarithm is interpolated, not the value, as Prometheus
   * does for native histograms
   * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile): it takes measurements to be
   * spread in the bucket as they would be over the buckets of a higher scale.
   *
   * @param rank - From 0 to {@link ExponentialBuckets.count}, itself excluded.
   */
  atRank(rank: number): number | undefined {
    const { positive, negative, zeroCount } = this;
    const step = 2 ** -this.scale;
    let left = rank;
    // From the most negative value to the most positive one.
    for (let i = negative.bucketCounts.length - 1; i >= 0; i -= 1) {
      const count = negative.bucketCounts[i]!;
      if (left < count) return -(2 ** ((negative.offset + i + 1 - (left + 0.5) / count) * step));
      left -= count;
    }
    if (left < zeroCount) return 0;
    left -= zeroCount;
    for (let i = 0; i < positive.bucketCounts.length; i += 1) {
      const count = positive.bucketCounts[i]!;
      if (left < count) return 2 ** ((positive.offset + i + (left + 0.5) / count) * step);
      left -= count;
    }
    return undefined;
  }

  /** The standard deviation from a mean, with all numbers of a bucket taken to be at its middle, as Prometheus has it. */
  deviation(mean: number): number {
    const step = 2 ** -this.scale;
    let squares = this.zeroCount * mean ** 2;
    for (const [sign, { offset, bucketCounts }] of [
      [-1, this.negative] as const,
      [1, this.positive] as const,
    ]) {
      for (let i = 0; i < bucketCounts.length; i += 1) {
        if (bucketCounts[i]! === 0) continue;
        squares += bucketCounts[i]! * (sign * 2 ** ((offset + i + 0.5) * step) - mean) ** 2;
      }
    }
    return Math.sqrt(squares / this.count);
  }

  /** The highest scale that neither histogram exceeds and that both fit into. */
  #commonScale(other: ExponentialCounts): number {
    let scale = Math.min(this.scale, other.scale);
    for (const side of ['positive', 'negative'] as const) {
      while (this.#span(other, side, scale) > this.#maxBuckets) scale -= 1;
    }
    return scale;
  }

  #span(other: ExponentialCounts, side: 'positive' | 'negative', scale: number): number {
    const theirs = rangeOf(other[side], other.scale - scale);
    const ours = this.scale === Infinity ? undefined : rangeOf(this[side], this.scale - scale);
    if (theirs === undefined || ours === undefined) {
      const one = theirs ?? ours;
      return one === undefined ? 0 : one.last - one.first + 1;
    }
    return Math.max(theirs.last, ours.last) - Math.min(theirs.first, ours.first) + 1;
  }
}

function totalOf(counts: Float64Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) total += counts[i]!;
  return total;
}

/** The index of a bucket when the scale is lower by `shift`; as numbers, because offsets may need more than 32 bits. */
function halved(index: number, shift: number): number {
  return Math.floor(index / 2 ** shift);
}

/** First and last index after a shift: of the buckets that hold something, or of all. */
function rangeOf({ offset, bucketCounts }: PointBuckets, shift: number, all = false): Range | undefined {
  let first = 0;
  let last = bucketCounts.length - 1;
  while (!all && first <= last && bucketCounts[first] === 0) first += 1;
  while (!all && first <= last && bucketCounts[last] === 0) last -= 1;
  if (first > last) return undefined;
  return { first: halved(offset + first, shift), last: halved(offset + last, shift) };
}
