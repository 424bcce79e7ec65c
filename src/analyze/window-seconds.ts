/** What came in one second. */
interface Second<T> {
  /** Unix milliseconds of its begin. */
  readonly time: number;
  readonly cell: T;
}

/** One cell for each second in which something came, in order. */
export class Seconds<T> {
  #seconds: Second<T>[] = [];

  /** The cell of a second; makes it where there is none. */
  cell(time: number, make: () => T): T {
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
