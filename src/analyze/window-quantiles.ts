import { PERCENTILES } from './measured.js';
import { between, interpolate, quantileOfFirst, ranksOf } from './quantile.js';
import { atRanks } from './selected.js';
import { BUCKET_ERROR, Buckets } from './window-buckets.js';
import type { NumberPart } from './window-part.js';
import { sortFirst } from './window-sorted.js';
import type { Tally } from './window-tally.js';

/** Values of one group after the other: such groups are many, and an array of their own takes longer than to sort them. */
const SCRATCH = new Float64Array(1024);

/** Quantiles, and how good they are. */
export interface Quantiles {
  /** In the order they were asked for; null of nothing. */
  readonly values: readonly (number | null)[];
  readonly exact: boolean;
  readonly error: number | null;
}

/** Quantiles of all values of several parts. */
export function quantilesOf(parts: readonly NumberPart[], tally: Tally, asked: readonly number[]): Quantiles {
  const { count, min, max } = tally;
  if (count === 0) return { values: asked.map(() => null), exact: true, error: null };
  const [only] = parts;
  if (parts.length === 1 && asked === PERCENTILES && only!.percentiles !== undefined)
    return exactly(only!.percentiles);
  if (parts.length === 1 && only!.sorted !== undefined) return ofSorted(count, only!.sorted.values, asked);
  if (parts.some(({ buckets }) => buckets !== undefined)) return estimates(bucketsOf(parts), tally, asked);
  if (count <= SCRATCH.length) {
    let to = 0;
    for (const part of parts) to = part.values(SCRATCH, to);
    sortFirst(count, SCRATCH);
    return ofSorted(count, SCRATCH, asked);
  }
  const ranks = asked.flatMap((q) => ranksOf(count, q));
  const found = atRanks(parts.map(valuesOf), ranks, min, max);
  return exactly(asked.map((q, i) => between(count, q, found[2 * i]!, found[2 * i + 1]!)));
}

function exactly(values: readonly number[]): Quantiles {
  return { values, exact: true, error: 0 };
}

function ofSorted(count: number, values: Float64Array, asked: readonly number[]): Quantiles {
  return exactly(asked.map((q) => quantileOfFirst(count, values, q)));
}

/** The values of a part, none of them NaN. */
function valuesOf(part: NumberPart): Float64Array {
  const { sorted, tally } = part;
  if (sorted !== undefined) return sorted.values.subarray(0, sorted.size);
  const values = new Float64Array(tally.count);
  part.values(values, 0);
  return values;
}

/** Counts by magnitude of all values. */
function bucketsOf(parts: readonly NumberPart[]): Buckets {
  if (parts.length === 1) return parts[0]!.buckets!;
  const all = new Buckets(true);
  for (const part of parts) {
    if (part.buckets !== undefined) all.merge(part.buckets);
    else for (const value of valuesOf(part)) all.add(value, 1);
  }
  return all;
}

function estimates(buckets: Buckets, { count, min, max }: Tally, asked: readonly number[]): Quantiles {
  const values: number[] = [];
  let error = 0;
  for (const q of asked) {
    // As `quantile` has it; what stands at the ranks is known by its bucket.
    const h = (count - 1) * q;
    const rank = Math.floor(h);
    const lower = buckets.at(rank);
    const upper = h === rank ? lower : buckets.next;
    const estimate = interpolate(lower, upper, h - rank);
    error = Math.max(error, errorOf(estimate, lower, upper, h - rank));
    values.push(Math.min(Math.max(estimate, min), max));
  }
  return { values, exact: false, error };
}

/** How far an estimate may be from the quantile, as a part of the latter. */
function errorOf(estimate: number, lower: number, upper: number, fraction: number): number {
  if (fraction === 0 || lower >= 0 || upper <= 0) return BUCKET_ERROR;
  // Between a negative value and a positive one the two errors add up, and the quantile may be anywhere near zero.
  const off = BUCKET_ERROR * (1 + BUCKET_ERROR) * (upper * fraction - lower * (1 - fraction));
  return off < Math.abs(estimate) ? off / (Math.abs(estimate) - off) : Infinity;
}
