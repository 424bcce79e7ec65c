import { interpolate, quantileOfFirst } from './quantile.js';
import { BUCKET_ERROR, Buckets } from './window-buckets.js';
import type { NumberPart } from './window-part.js';
import type { Tally } from './window-tally.js';

/** So many values of several series are sorted; of more, quantiles come from buckets. */
const MOST_SORTED = 1024;
/** Up to here sorting by insertion is faster than what the engine has for typed arrays. */
const FEW = 80;
/** Values of one group after the other. */
const SCRATCH = new Float64Array(MOST_SORTED);

/** Quantiles, and how good they are. */
export interface Quantiles {
  /** In the order they were asked for; null of nothing. */
  readonly values: readonly (number | null)[];
  readonly exact: boolean;
  readonly error: number | null;
}

/** Quantiles of all values of several parts. */
export function quantilesOf(parts: readonly NumberPart[], tally: Tally, asked: readonly number[]): Quantiles {
  if (tally.count === 0) return { values: asked.map(() => null), exact: true, error: null };
  const buckets = parts.length === 1 ? parts[0]!.buckets : bucketsOf(parts, tally.count);
  if (buckets !== undefined) return estimates(buckets, tally, asked);
  // Groups of few values are many, and an array of their own would take longer than to sort them.
  const { count } = tally;
  const values = count <= SCRATCH.length ? SCRATCH : new Float64Array(count);
  collect(parts, values);
  sortFirst(count, values);
  return { values: asked.map((q) => quantileOfFirst(count, values, q)), exact: true, error: 0 };
}

/** One row of buckets of all, unless there are so few values that they are sorted. */
function bucketsOf(parts: readonly NumberPart[], count: number): Buckets | undefined {
  if (count <= MOST_SORTED && parts.every((part) => part.raw)) return undefined;
  const all = new Buckets(true);
  const rest = parts.filter((part) => part.buckets === undefined);
  for (const { buckets } of parts) if (buckets !== undefined) all.merge(buckets);
  const left = rest.reduce((total, { tally }) => total + tally.count, 0);
  const values = new Float64Array(left);
  collect(rest, values);
  for (let i = 0; i < left; i += 1) all.add(values[i]!, 1);
  return all;
}

function collect(parts: readonly NumberPart[], into: Float64Array): void {
  let to = 0;
  for (const part of parts) to = part.values(into, to);
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

/** Sorts the first so many in place. */
function sortFirst(count: number, values: Float64Array): void {
  if (count > FEW) {
    values.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i += 1) {
    const value = values[i]!;
    let at = i;
    for (; at > 0 && values[at - 1]! > value; at -= 1) values[at] = values[at - 1]!;
    values[at] = value;
  }
}
