import type { Measured } from '../analyze/window-measured.js';

const NONE: readonly Measured[] = [];

/**
 * What was measured of one metric, by the key of the group: more than one where it has several types or units.
 *
 * @remarks
 * A rule asks for one group after the other, in the order in which they were measured. So what was asked for last is
 * where the next one is, and an index is made only where somebody asks otherwise: to make one of 10,000 groups takes
 * longer than to judge them.
 */
export class MeasuredGroups {
  readonly #keys: string[] = [];
  readonly #measured: Measured[][] = [];
  #at = 0;
  #index: Map<string, number> | undefined;

  /** Adds what was measured of a group; those of one key come one after the other. */
  add(key: string, measured: Measured): void {
    const last = this.#keys.length - 1;
    if (last >= 0 && this.#keys[last] === key) this.#measured[last]!.push(measured);
    else {
      this.#keys.push(key);
      this.#measured.push([measured]);
    }
  }

  /** How many groups there are. */
  get size(): number {
    return this.#keys.length;
  }

  /** Their keys, in order. */
  keys(): readonly string[] {
    return this.#keys;
  }

  /** Whether there is a group. */
  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /** What was measured of a group; empty where there is none. */
  get(key: string): readonly Measured[] {
    const at = this.#find(key);
    return at === undefined ? NONE : this.#measured[at]!;
  }

  #find(key: string): number | undefined {
    const keys = this.#keys;
    if (keys[this.#at] === key) return this.#at;
    if (keys[this.#at + 1] === key) return (this.#at += 1);
    this.#index ??= new Map(keys.map((one, at) => [one, at]));
    const at = this.#index.get(key);
    if (at !== undefined) this.#at = at;
    return at;
  }
}
