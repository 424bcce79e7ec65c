const FIRST_CAPACITY = 8;
/** Times are kept as 32 bits of milliseconds from an origin; beyond this it moves. */
const FAR_MS = 2 ** 30;

/**
 * The points of one series, sorted by time; those of one time in the order they came.
 *
 * @remarks
 * Columns of numbers, 12 bytes a point, since there may be millions. A point keeps its sequence number while it is here,
 * but that a later one that comes in between moves those behind it up by one.
 */
export class Points {
  /** Milliseconds from the origin. */
  times = new Int32Array(FIRST_CAPACITY);
  /** What counts; NaN where nothing does. */
  values = new Float64Array(FIRST_CAPACITY);
  /** The values as they were stored, where they are others. */
  stored: Float64Array | undefined;
  /** Unix seconds of a time of 0: a number that needs no memory of its own. */
  #originSecond = 0;
  /** Sequence number of what stands at index 0 of the columns. */
  base = 0;
  #head = 0;
  #tail = 0;

  /** Unix milliseconds of a time of 0. */
  get origin(): number {
    return this.#originSecond * 1000;
  }

  /** Sequence number of the first point. */
  get first(): number {
    return this.base + this.#head;
  }

  /** Sequence number behind the last point. */
  get end(): number {
    return this.base + this.#tail;
  }

  /** Bytes in the columns. */
  get bytes(): number {
    return this.times.byteLength + this.values.byteLength + (this.stored?.byteLength ?? 0);
  }

  /** Unix milliseconds of a point. */
  timeAt(sequence: number): number {
    return this.origin + this.times[sequence - this.base]!;
  }

  /** The value of a point as it was stored. */
  storedAt(sequence: number): number {
    return (this.stored ?? this.values)[sequence - this.base]!;
  }

  /**
   * Adds a point at its place.
   *
   * @param keep - Unix milliseconds of the oldest point that is still wanted.
   * @returns The point's sequence number.
   */
  insert(time: number, value: number, stored: number, keep: number): number {
    if (this.#head === this.#tail) this.#originSecond = Math.floor(time / 1000);
    if (this.#tail === this.times.length) this.#makeRoom(keep);
    if (Math.abs(time - this.origin) > FAR_MS) this.#moveOrigin(time, keep);
    const relative = time - this.origin;
    let at = this.#tail;
    while (at > this.#head && this.times[at - 1]! > relative) at -= 1;
    if (at < this.#tail) {
      this.times.copyWithin(at + 1, at, this.#tail);
      this.values.copyWithin(at + 1, at, this.#tail);
      this.stored?.copyWithin(at + 1, at, this.#tail);
    }
    this.times[at] = relative;
    this.values[at] = value;
    if (this.stored === undefined && !Object.is(value, stored)) this.stored = this.values.slice();
    if (this.stored !== undefined) this.stored[at] = stored;
    this.#tail += 1;
    return this.base + at;
  }

  /** Sequence number of the first point that is not older than a time. */
  search(time: number): number {
    const relative = time - this.origin;
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! < relative) low = middle + 1;
      else high = middle;
    }
    return this.base + low;
  }

  /** Shows the points of a range of time to somebody who says when it is enough; false where not all were seen. */
  scan(
    since: number,
    until: number,
    to: { add(time: number, value: number, stored: number): boolean },
  ): boolean {
    const { times, values, origin } = this;
    const stored = this.stored ?? values;
    const begin = since - origin;
    const end = until - origin;
    // What is wanted is nearly always at the end.
    let from = this.#tail;
    while (from > this.#head && times[from - 1]! >= begin) from -= 1;
    for (let at = from; at < this.#tail && times[at]! < end; at += 1) {
      if (!to.add(origin + times[at]!, values[at]!, stored[at]!)) return false;
    }
    return true;
  }

  /** Forgets all points from a time on. */
  dropFrom(time: number): void {
    this.#tail = this.search(time) - this.base;
  }

  /** Forgets what is older than is wanted, and gives back memory that is not needed. */
  shrink(keep: number): void {
    this.#head = this.search(keep) - this.base;
    const length = this.#tail - this.#head;
    if (this.times.length > 4 * Math.max(length, FIRST_CAPACITY))
      this.#move(Math.max(length * 2, FIRST_CAPACITY));
  }

  #makeRoom(keep: number): void {
    this.#head = this.search(keep) - this.base;
    const length = this.#tail - this.#head;
    const capacity = this.times.length;
    this.#move(length > capacity * 0.75 ? Math.ceil(capacity * 1.5) : capacity);
  }

  /** Moves all points to the beginning of columns of another length. */
  #move(capacity: number): void {
    this.times = moved(this.times, new Int32Array(capacity), this.#head, this.#tail);
    this.values = moved(this.values, new Float64Array(capacity), this.#head, this.#tail);
    this.stored = this.stored && moved(this.stored, new Float64Array(capacity), this.#head, this.#tail);
    this.base += this.#head;
    this.#tail -= this.#head;
    this.#head = 0;
  }

  #moveOrigin(time: number, keep: number): void {
    this.#head = this.search(keep) - this.base;
    const origin = Math.floor(time / 1000);
    const shift = (origin - this.#originSecond) * 1000;
    for (let i = this.#head; i < this.#tail; i += 1) this.times[i]! -= shift;
    this.#originSecond = origin;
  }
}

function moved<T extends Int32Array | Float64Array>(from: T, to: T, begin: number, end: number): T {
  to.set(from.subarray(begin, end));
  return to;
}
