import { nextChange, type View } from './window-series.js';

/** What came in one second. */
interface Second<T> {
  /** Unix milliseconds of its begin. */
  readonly time: number;
  readonly cell: T;
}

/** What was in a view when somebody looked. */
interface Seen<T> {
  readonly additions: number;
  readonly first: Second<T> | undefined;
  readonly last: Second<T> | undefined;
  readonly change: number;
}

/** One cell for each second in which something came, in order. */
export class Seconds<T> {
  #seconds: Second<T>[] = [];
  /** How often somebody added something. */
  #additions = 0;
  readonly #seen: (Seen<T> | undefined)[] = [];

  /** The cell of a second, for somebody to add to; makes it where there is none. */
  cell(time: number, make: () => T): T {
    this.#additions += 1;
    const second = Math.floor(time / 1000) * 1000;
    let at = this.#seconds.length;
    while (at > 0 && this.#seconds[at - 1]!.time > second) at -= 1;
    const known = at > 0 ? this.#seconds[at - 1] : undefined;
    if (known?.time === second) return known.cell;
    const cell = make();
    this.#seconds.splice(at, 0, { time: second, cell });
    return cell;
  }

  /** The seconds from one time on and before another. */
  range(since: number, until: number): readonly Second<T>[] {
    return this.#seconds.slice(this.#search(since), this.#search(until));
  }

  /** A number that rises when what is in a view changes. */
  advance({ slot, since, until }: View): number {
    const range = this.range(since, until);
    const [first, last] = [range[0], range.at(-1)];
    const seen = this.#seen[slot];
    if (seen?.additions === this.#additions && seen.first === first && seen.last === last) return seen.change;
    const change = nextChange();
    this.#seen[slot] = { additions: this.#additions, first, last, change };
    return change;
  }

  /** How many seconds hold something. */
  get size(): number {
    return this.#seconds.length;
  }

  /** Forgets what is older than a time. */
  dropBefore(time: number): void {
    if (this.#seconds.length > 0 && this.#seconds[0]!.time < time)
      this.#seconds = this.range(time, Infinity).slice();
  }

  /** Forgets what came from a time on. */
  dropFrom(time: number): void {
    this.#seconds.length = this.#search(time);
  }

  #search(time: number): number {
    let low = 0;
    let high = this.#seconds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#seconds[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
