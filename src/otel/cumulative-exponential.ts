import type { ExponentialBuckets } from '../record.js';
import { TotalMoments } from './cumulative-moments.js';
import type { Numbers, Total } from './cumulative-total.js';

/** Most buckets on a side, as in the SDK by default; with more the scale is lowered until they fit. */
const MAX_SIZE = 160;
/** No scale is lower in a record; at this one all doubles share two buckets. */
const MIN_SCALE = -32;

const NO_BUCKETS: ExponentialBuckets = { offset: 0, bucketCounts: [] };
const SIDES = ['positive', 'negative'] as const;

/**
 * The total of exponential histograms, at the lowest scale among them or a lower one.
 *
 * @remarks
 * Two neighbouring buckets of one scale are one bucket of the next lower one, so that nothing is estimated:
 * https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponential-scale
 */
export class ExponentialTotal implements Total {
  readonly #moments = new TotalMoments();
  #counts: Counts | undefined;

  add(point: Numbers, before?: Numbers): boolean {
    const added = before === undefined ? countsOf(point) : difference(point, before);
    if (added === undefined) return false;
    const count = countIn(added);
    this.#counts = merge(
      this.#counts ?? { ...added, zeroCount: 0, positive: NO_BUCKETS, negative: NO_BUCKETS },
      added,
      1,
    );
    if (count > 0) this.#moments.add(point, before);
    return true;
  }

  numbers(): Numbers {
    const { scale, zeroCount, positive, negative } = this.#counts ?? countsOf({ value: NaN });
    const count = this.#counts === undefined ? 0 : countIn(this.#counts);
    return { ...this.#moments.numbers(count), scale, zeroCount, positive, negative };
  }
}

interface Counts {
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: ExponentialBuckets;
  readonly negative: ExponentialBuckets;
}

function countsOf({
  scale = 0,
  zeroCount = 0,
  positive = NO_BUCKETS,
  negative = NO_BUCKETS,
}: Numbers): Counts {
  return { scale, zeroCount, positive, negative };
}

function countIn({ zeroCount, positive, negative }: Counts): number {
  let count = zeroCount;
  for (const side of [positive, negative]) for (const bucket of side.bucketCounts) count += bucket;
  return count;
}

/** What a cumulative point counted since the one before it; undefined where it has less of anything. */
function difference(point: Numbers, before: Numbers): Counts | undefined {
  const added = merge(countsOf(point), countsOf(before), -1);
  const fell = SIDES.some((side) => added[side].bucketCounts.some((count) => count < 0));
  return fell || added.zeroCount < 0 ? undefined : added;
}

/** The counts of both, or of one without the other. The arrays are new ones. */
function merge(counts: Counts, other: Counts, sign: 1 | -1): Counts {
  let scale = Math.min(counts.scale, other.scale);
  for (const side of SIDES) {
    while (
      scale > MIN_SCALE &&
      span(range(counts[side], counts.scale - scale), range(other[side], other.scale - scale)) > MAX_SIZE
    ) {
      scale -= 1;
    }
  }
  const mergeSide = (side: (typeof SIDES)[number]): ExponentialBuckets =>
    mergeBuckets([counts[side], counts.scale - scale], [other[side], other.scale - scale], sign);
  return {
    scale,
    zeroCount: counts.zeroCount + sign * other.zeroCount,
    positive: mergeSide('positive'),
    negative: mergeSide('negative'),
  };
}

type Shifted = readonly [buckets: ExponentialBuckets, shift: number];

function mergeBuckets(one: Shifted, other: Shifted, sign: 1 | -1): ExponentialBuckets {
  const ranges = [range(...one), range(...other)] as const;
  const size = span(...ranges);
  if (size === 0) return NO_BUCKETS;
  const offset = Math.min(ranges[0]?.first ?? Infinity, ranges[1]?.first ?? Infinity);
  const bucketCounts = new Array<number>(size).fill(0);
  const add = ([{ offset: from, bucketCounts: counts }, shift]: Shifted, factor: number): void => {
    for (let i = 0; i < counts.length; i += 1) {
      // as numbers, since an offset may need more than the 32 bits of an integer shift
      if (counts[i] !== 0) bucketCounts[Math.floor((from + i) / 2 ** shift) - offset]! += factor * counts[i]!;
    }
  };
  add(one, 1);
  add(other, sign);
  return { offset, bucketCounts };
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** First and last bucket that holds anything, at a scale that is lower by `shift`. */
function range({ offset, bucketCounts }: ExponentialBuckets, shift: number): Range | undefined {
  let first = 0;
  let last = bucketCounts.length - 1;
  while (first <= last && bucketCounts[first] === 0) first += 1;
  while (first <= last && bucketCounts[last] === 0) last -= 1;
  if (first > last) return undefined;
  return { first: Math.floor((offset + first) / 2 ** shift), last: Math.floor((offset + last) / 2 ** shift) };
}

function span(a: Range | undefined, b: Range | undefined): number {
  const [one, other] = [a ?? b, b ?? a];
  if (one === undefined || other === undefined) return 0;
  return Math.max(one.last, other.last) - Math.min(one.first, other.first) + 1;
}
