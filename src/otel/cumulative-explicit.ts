import { TotalMoments } from './cumulative-moments.js';
import type { Numbers, Total } from './cumulative-total.js';

/** Most bounds that are kept; of more, every other one is given up until they fit. */
const MAX_BOUNDS = 256;

/**
 * The total of explicit-bucket histograms.
 *
 * @remarks
 * How many measurements are at most a bound is known only of points that have that bound. So where points differ in
 * their bounds, the total keeps those that all of them have: fewer buckets, but each of them exact.
 */
export class ExplicitTotal implements Total {
  readonly #moments = new TotalMoments();
  #bounds: readonly number[] | undefined;
  #counts: number[] = [];
  #count = 0;

  add(point: Numbers, before?: Numbers): boolean {
    const { bounds = [] } = point;
    const added = before === undefined ? [...(point.counts ?? [])] : difference(point, before);
    if (added === undefined) return false;
    this.#agree(bounds);
    const counts = rebucket(bounds, added, this.#bounds!);
    let count = 0;
    for (let i = 0; i < counts.length; i += 1) {
      this.#counts[i]! += counts[i]!;
      count += counts[i]!;
    }
    this.#count += count;
    if (count > 0) this.#moments.add(point, before);
    return true;
  }

  numbers(): Numbers {
    return {
      ...this.#moments.numbers(this.#count),
      bounds: this.#bounds ?? [],
      counts: this.#bounds === undefined ? [0] : [...this.#counts],
    };
  }

  /** Gives up the bounds that these do not have. */
  #agree(bounds: readonly number[]): void {
    if (this.#bounds === undefined) {
      this.#bounds = fewer(bounds);
      this.#counts = new Array<number>(this.#bounds.length + 1).fill(0);
    } else if (!isEqual(this.#bounds, bounds)) {
      const theirs = new Set(bounds);
      const common = this.#bounds.filter((bound) => theirs.has(bound));
      if (common.length === this.#bounds.length) return;
      this.#counts = rebucket(this.#bounds, this.#counts, common);
      this.#bounds = common;
    }
  }
}

/** What a cumulative point counted since the one before it; undefined where it cannot be a later one of one stream. */
function difference(point: Numbers, before: Numbers): number[] | undefined {
  const { bounds = [], counts = [] } = point;
  const had = new Set(before.bounds);
  if (!bounds.every((bound) => had.has(bound))) return undefined;
  const earlier = rebucket(before.bounds ?? [], before.counts ?? [], bounds);
  const added = counts.map((count, i) => count - (earlier[i] ?? 0));
  return added.every((count) => count >= 0) ? added : undefined;
}

/** Counts by fewer bounds, each of which is one of those that the counts have. */
function rebucket(
  bounds: readonly number[],
  counts: readonly number[],
  fewerBounds: readonly number[],
): number[] {
  if (bounds.length === fewerBounds.length) return [...counts];
  const merged = new Array<number>(fewerBounds.length + 1).fill(0);
  let bucket = 0;
  for (let i = 0; i < counts.length; i += 1) {
    merged[bucket]! += counts[i]!;
    if (i < bounds.length && bounds[i] === fewerBounds[bucket]) bucket += 1;
  }
  return merged;
}

function fewer(bounds: readonly number[]): readonly number[] {
  let kept = [...bounds];
  while (kept.length > MAX_BOUNDS) kept = kept.filter((_bound, i) => i % 2 === 1);
  return kept;
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
