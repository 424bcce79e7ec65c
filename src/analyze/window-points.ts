const FIRST_CAPACITY = 4;
/** A time and a value. */
const STRIDE = 2;

/**
 * The points of one series, sorted by time; those of one time in the order they came.
 *
 * @remarks
 * One array of numbers, 16 bytes a point: where there are many series, most of the time goes into fetching their points
 * from memory, and each further array is fetched apart. A point keeps its sequence number while it is here, but that a
 * later one that comes in between moves those behind it up by one.
 */
export class Points {
  /** Time in Unix milliseconds and what counts, NaN where nothing does, of one point after the other. */
  #cells = new Float64Array(FIRST_CAPACITY * STRIDE);
  /** The values as they were stored, where they are others. */
  #stored: Float64Array | undefined;
  /** Sequence number of the point in the first cell. */
  #base = 0;
  #head = 0;
  #tail = 0;

  /** Sequence number of the first point. */
  get first(): number {
    return this.#base + this.#head;
  }

  /** Sequence number behind the last point. */
  get end(): number {
    return this.#base + this.#tail;
  }

  /** Unix milliseconds of a point. */
  timeAt(sequence: number): number {
    return this.#cells[(sequence - this.#base) * STRIDE]!;
  }

  /** What counts of a point; NaN where nothing does. */
  valueAt(sequence: number): number {
    return this.#cells[(sequence - this.#base) * STRIDE + 1]!;
  }

  /** The value of a point as it was stored. */
  storedAt(sequence: number): number {
    return this.#stored === undefined ? this.valueAt(sequence) : this.#stored[sequence - this.#base]!;
  }

  /**
   * Adds a point at its place.
   *
   * @param keep - Unix milliseconds of the oldest point that is still wanted.
   * @returns The point's sequence number.
   */
  insert(time: number, value: number, stored: number, keep: number): number {
    if (this.#tail === this.#capacity) this.#makeRoom(keep);
    const cells = this.#cells;
    let at = this.#tail;
    while (at > this.#head && cells[(at - 1) * STRIDE]! > time) at -= 1;
    if (at < this.#tail) {
      cells.copyWithin((at + 1) * STRIDE, at * STRIDE, this.#tail * STRIDE);
      this.#stored?.copyWithin(at + 1, at, this.#tail);
    }
    cells[at * STRIDE] = time;
    cells[at * STRIDE + 1] = value;
    this.#tail += 1;
    if (this.#stored === undefined && !Object.is(value, stored)) {
      this.#stored = Float64Array.from({ length: this.#capacity }, (_, i) => cells[i * STRIDE + 1]!);
    }
    if (this.#stored !== undefined) this.#stored[at] = stored;
    return this.#base + at;
  }

  /** Sequence number of the first point that is not older than a time. */
  search(time: number): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cells[middle * STRIDE]! < time) low = middle + 1;
      else high = middle;
    }
    return this.#base + low;
  }

  /** Shows the points of a range of time to somebody who says when it is enough; false where not all were seen. */
  scan(
    since: number,
    until: number,
    to: { add(time: number, value: number, stored: number): boolean },
  ): boolean {
    const cells = this.#cells;
    const stored = this.#stored;
    // What is wanted is nearly always at the end.
    let from = this.#tail;
    while (from > this.#head && cells[(from - 1) * STRIDE]! >= since) from -= 1;
    for (let at = from; at < this.#tail; at += 1) {
      const time = cells[at * STRIDE]!;
      if (time >= until) break;
      const value = cells[at * STRIDE + 1]!;
      if (!to.add(time, value, stored === undefined ? value : stored[at]!)) return false;
    }
    return true;
  }

  /** Forgets all points from a time on. */
  dropFrom(time: number): void {
    this.#tail = this.search(time) - this.#base;
  }

  /** Forgets what is older than is wanted, and gives back memory that is not needed. */
  shrink(keep: number): void {
    this.#head = this.search(keep) - this.#base;
    const wanted = Math.max(this.#tail - this.#head, FIRST_CAPACITY);
    if (this.#capacity > 4 * wanted) this.#move(wanted * 2);
  }

  get #capacity(): number {
    return this.#cells.length / STRIDE;
  }

  #makeRoom(keep: number): void {
    this.#head = this.search(keep) - this.#base;
    const length = this.#tail - this.#head;
    const capacity = this.#capacity;
    this.#move(length > capacity * 0.75 ? Math.ceil(capacity * 1.5) : capacity);
  }

  /** Moves all points to the beginning of arrays for so many. */
  #move(capacity: number): void {
    const [head, tail] = [this.#head, this.#tail];
    const cells = new Float64Array(capacity * STRIDE);
    cells.set(this.#cells.subarray(head * STRIDE, tail * STRIDE));
    this.#cells = cells;
    if (this.#stored !== undefined) {
      const stored = new Float64Array(capacity);
      stored.set(this.#stored.subarray(head, tail));
      this.#stored = stored;
    }
    this.#base += head;
    this.#tail -= head;
    this.#head = 0;
  }
}
