const FIRST_CAPACITY = 4;
/** Numbers of a point: its time and what counts. */
export const STRIDE = 2;
/** Points in the 64 bytes that a processor fetches at a time. */
const LINE = 4;

/** Who looks at points where they are kept. */
export interface PointsViewer {
  /** How many it can look at. */
  readonly room: number;
  /**
   * Sees points.
   *
   * @param cells - Time and what counts, NaN where nothing does, of one point after the other.
   * @param stored - The values as they were stored, where they are others.
   * @param from - The first point to look at.
   * @param to - The one behind the last.
   */
  see(cells: Float64Array, stored: Float64Array | undefined, from: number, to: number): void;
}

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

  /** For {@link fetchAhead}: the last 16 points. */
  read(): number {
    const cells = this.#cells;
    let sum = 0;
    for (let at = this.#tail - 1; at >= 0 && at > this.#tail - 16; at -= LINE) sum += cells[at * STRIDE]!;
    return sum;
  }

  /** Shows the points of a range of time to somebody; false where there is no room for as many. */
  show(since: number, until: number, viewer: PointsViewer): boolean {
    const cells = this.#cells;
    const [head, tail] = [this.#head, this.#tail];
    // What is wanted is nearly always at the end.
    const all = tail === head || cells[(tail - 1) * STRIDE]! < until;
    const to = all ? tail : this.search(until) - this.#base;
    const first = Math.max(head, to - viewer.room);
    let from = to;
    while (from > first && cells[(from - 1) * STRIDE]! >= since) from -= 1;
    if (from > head && cells[(from - 1) * STRIDE]! >= since) return false;
    viewer.see(cells, this.#stored, from, to);
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
