/** Measurements taken as spread evenly from one value to another; all at one place where both are equal. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  /** How many; a fraction where a bucket was cut in parts. */
  readonly count: number;
}

/**
 * A bucket cut down to where its measurements can be.
 *
 * @remarks
 * Where minimum or maximum are not known, the outer buckets are read as Prometheus does
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile): the lowest one starts at 0
 * where its bound is positive, and otherwise is its bound; the highest one is its bound.
 *
 * @param low - No measurement is smaller.
 * @param high - No measurement is larger.
 * @returns Undefined where nothing limits the bucket on either side.
 */
export function limitBucket({ lower, upper, count }: Bucket, low: number, high: number): Bucket | undefined {
  let from = Math.max(lower, low);
  let to = Math.min(upper, high);
  if (!Number.isFinite(from) && !Number.isFinite(to)) return undefined;
  if (!Number.isFinite(from)) from = to > 0 ? 0 : to;
  if (!Number.isFinite(to)) to = from;
  // A count outside of minimum and maximum contradicts them: it can only stand at the nearer one.
  if (from > to) from = to = lower >= high ? high : low;
  return { lower: from, upper: to, count };
}

/**
 * One row of buckets out of several that overlap, with every boundary of all of them.
 *
 * @remarks
 * Each bucket is cut at the others' boundaries, its count spread in proportion to width. This is the distribution that
 * interpolating linearly in each row assumes, added up: no count is lost or moved out of its bucket.
 */
export function blendBuckets(buckets: readonly Bucket[]): readonly Bucket[] {
  const edges = Float64Array.from(new Set(buckets.flatMap(({ lower, upper }) => [lower, upper]))).sort();
  const indexes = new Map(Array.from(edges, (edge, index) => [edge, index]));
  const onEdge = new Float64Array(edges.length);
  const between = new Float64Array(edges.length);
  for (const { lower, upper, count } of buckets) {
    const first = indexes.get(lower)!;
    const last = indexes.get(upper)!;
    if (first === last) onEdge[first]! += count;
    // Halves, because the width between two doubles may be more than the largest double.
    const halfWidth = upper / 2 - lower / 2;
    for (let i = first; i < last; i += 1) {
      between[i]! += (count * (edges[i + 1]! / 2 - edges[i]! / 2)) / halfWidth;
    }
  }
  return Array.from(edges).flatMap((edge, i) => [
    { lower: edge, upper: edge, count: onEdge[i]! },
    { lower: edge, upper: edges[i + 1] ?? edge, count: between[i]! },
  ]);
}

/**
 * Between what limits something lies, both included.
 *
 * @public
 */
export interface QuantileRange {
  /** It is not less. */
  readonly low: number;
  /** It is not more. */
  readonly high: number;
}

/**
 * Where the measurement at a rank can be at all, wherever in their buckets the others are.
 *
 * @param buckets - Whole ones, which may overlap.
 * @param rank - From 0 to the total of the counts, itself excluded.
 */
export function rangeOfRank(buckets: readonly Bucket[], rank: number): QuantileRange {
  return {
    // Each at its lowest: so far down the one at this rank may be.
    low: valueAt(buckets, rank, ({ lower }) => lower),
    high: valueAt(buckets, rank, ({ upper }) => upper),
  };
}

function valueAt(buckets: readonly Bucket[], rank: number, place: (bucket: Bucket) => number): number {
  const sorted = buckets.toSorted((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0));
  let left = rank;
  let last = NaN;
  for (const bucket of sorted) {
    last = place(bucket);
    if (left < bucket.count) return last;
    left -= bucket.count;
  }
  return last;
}
