import type { ExponentialBuckets } from '../record.js';

/** What is used of an exponential histogram, of a record or of OpenTelemetry. */
export interface ExponentialCounts {
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: ExponentialBuckets;
  readonly negative: ExponentialBuckets;
}

/** The same as an explicit histogram: one more of counts than of bounds. */
export interface ExplicitCounts {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** Most buckets that the exponential histograms of one metric become. */
const MAX_BUCKETS = 32;
/** Buckets are never finer than a factor of 2^(1/4). */
const MAX_SCALE = 2;

/** The buckets of one metric: those from `first` to `last` of one scale. */
interface Layout {
  readonly scale: number;
  readonly first: number;
  readonly last: number;
  /** Whether there is anything at or below zero. */
  readonly zero: boolean;
}

/**
 * Turns exponential histograms, for which the text formats have no form, into explicit ones.
 *
 * @remarks
 * Nothing is estimated: the bounds are bounds of the exponential buckets, at a lower scale, and how many measurements are
 * at most a bound is known. What is not above zero is in one bucket. All series of a metric get the same bounds, so that
 * their buckets may be added up, and bounds are given up only where others are needed: what stays is no new series.
 */
export class ExponentialBounds {
  readonly #layouts = new Map<string, Layout>();

  /**
   * Converts all histograms of a metric.
   *
   * @param name - The metric, whose bounds so far stay as far as possible.
   */
  convert(name: string, histograms: readonly ExponentialCounts[]): ExplicitCounts[] {
    const layout = layoutFor(this.#layouts.get(name), histograms);
    this.#layouts.set(name, layout);
    const bounds = boundsOf(layout);
    return histograms.map((histogram) => ({ bounds, counts: countsIn(histogram, layout, bounds.length) }));
  }

  /** Forgets the metrics that are no more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#layouts.keys()) if (!names.has(name)) this.#layouts.delete(name);
  }
}

function layoutFor(before: Layout | undefined, histograms: readonly ExponentialCounts[]): Layout {
  let scale = before?.scale ?? MAX_SCALE;
  let first = before?.first ?? Infinity;
  let last = before?.last ?? -Infinity;
  let zero = before?.zero ?? false;
  const lower = (to: number): void => {
    first = Math.floor(first / 2 ** (scale - to));
    last = Math.floor(last / 2 ** (scale - to));
    scale = to;
  };
  for (const histogram of histograms) {
    if (histogram.scale < scale) lower(histogram.scale);
    zero ||= histogram.zeroCount > 0 || histogram.negative.bucketCounts.some((count) => count > 0);
    const { offset, bucketCounts } = histogram.positive;
    const shift = histogram.scale - scale;
    const from = bucketCounts.findIndex((count) => count > 0);
    if (from < 0) continue;
    const to = bucketCounts.findLastIndex((count) => count > 0);
    first = Math.min(first, Math.floor((offset + from) / 2 ** shift));
    last = Math.max(last, Math.floor((offset + to) / 2 ** shift));
    while (last - first + 2 > MAX_BUCKETS) lower(scale - 1);
  }
  return { scale, first, last, zero };
}

/** Upper bounds: zero where anything is not above it, the lower bound of the first bucket, and that of each bucket. */
function boundsOf({ scale, first, last, zero }: Layout): number[] {
  const bounds = zero ? [0] : [];
  for (let index = first; index <= last + 1; index += 1) bounds.push(2 ** (index * 2 ** -scale));
  return bounds;
}

function countsIn(histogram: ExponentialCounts, layout: Layout, bounds: number): number[] {
  const { zeroCount, positive, negative } = histogram;
  const counts = new Array<number>(bounds + 1).fill(0);
  if (layout.zero) counts[0] = zeroCount + negative.bucketCounts.reduce((a, b) => a + b, 0);
  // the bucket of the first bound above zero stays empty
  const base = layout.zero ? 2 : 1;
  const shift = histogram.scale - layout.scale;
  positive.bucketCounts.forEach((bucket, i) => {
    if (bucket === 0) return;
    counts[Math.floor((positive.offset + i) / 2 ** shift) - layout.first + base]! += bucket;
  });
  return counts;
}
