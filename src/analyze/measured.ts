import type { Asked } from './aggregate.js';
import { Ends } from './ends.js';
import type { Memory } from './memory.js';
import type { Statistics } from './statistics.js';
import { Values } from './values.js';

/** The quantiles that every group has. */
export const PERCENTILES = [0.5, 0.9, 0.95, 0.99] as const;

/** Quantiles as an answer has them. */
export function byName(
  quantiles: readonly number[],
  values: readonly (number | null)[],
): Readonly<Record<string, number | null>> {
  const named: Record<string, number | null> = {};
  for (const [i, q] of quantiles.entries()) named[String(q)] = values[i]!;
  return named;
}

/** What values alone do not tell. */
export interface Totals {
  /** Where it says more than the sum of the values. */
  readonly sum?: number | undefined;
  readonly rate: number | null;
  readonly delta: number | null;
}

/** Numbers with those that are none counted apart. */
export class Measured {
  readonly #values: Values;
  readonly #ends = new Ends();
  #nan = 0;

  /** Starts empty. */
  constructor(memory: Memory) {
    this.#values = new Values(memory);
  }

  /** Takes time and value of the next record of the group. */
  see(time: number, value: number): void {
    this.#ends.add(time, value);
  }

  /** Takes a value of it. */
  push(value: number): void {
    if (!Number.isNaN(value)) this.#values.push(value);
    else this.#nan += 1;
  }

  /** The sum of the values. */
  get sum(): number {
    return this.#values.spread().sum;
  }

  /** The value of the latest record less that of the earliest. */
  get moved(): number | null {
    return this.#ends.delta;
  }

  /** Statistics of the numbers. */
  statistics({ quantiles }: Asked, { sum, rate, delta }: Totals): Statistics {
    const spread = this.#values.spread();
    const { count } = spread;
    const [p50, p90, p95, p99, ...more] = this.#values.quantiles([...PERCENTILES, ...quantiles]);
    return {
      count,
      sum: sum ?? spread.sum,
      rate,
      avg: spread.mean,
      stddev: spread.stddev,
      min: count === 0 ? null : spread.min,
      max: count === 0 ? null : spread.max,
      p50: p50!,
      p90: p90!,
      p95: p95!,
      p99: p99!,
      quantiles: byName(quantiles, more),
      first: this.#ends.first,
      last: this.#ends.last,
      delta,
      exact: this.#values.exact,
      error: count === 0 ? null : this.#values.error,
      nan: this.#nan,
    };
  }
}
