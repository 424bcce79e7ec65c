import { LINE } from './window-fetch.js';

/** Up to here sorting by insertion is faster than what the engine has for typed arrays. */
const FEW = 80;
/** Beyond this many a call of the engine moves values faster than a loop. */
const MANY = 48;

/** The values of one series in order, so that what stands at a rank is there. */
export class Sorted {
  /** In order up to {@link Sorted.size}; what is behind that is left over. */
  values: Float64Array;
  size: number;

  /**
   * Takes an array, which is its own from now on, and sorts it.
   *
   * @param values - Values, none of them NaN, with or without room behind them.
   * @param size - How many there are.
   */
  constructor(values: Float64Array, size: number) {
    sortFirst(size, values);
    this.values = values;
    this.size = size;
  }

  /** Adds a value that is not NaN. */
  insert(value: number): void {
    const { size } = this;
    if (size === this.values.length) {
      const grown = new Float64Array(Math.ceil(size * 1.5) + LINE);
      grown.set(this.values);
      this.values = grown;
    }
    const { values } = this;
    const at = this.#search(value);
    if (size - at > MANY) values.copyWithin(at + 1, at, size);
    else for (let i = size; i > at; i -= 1) values[i] = values[i - 1]!;
    values[at] = value;
    this.size = size + 1;
  }

  /** Takes away a value that is there. */
  remove(value: number): void {
    const { values } = this;
    const at = this.#search(value);
    const size = this.size - 1;
    if (size - at > MANY) values.copyWithin(at, at + 1, size + 1);
    else for (let i = at; i < size; i += 1) values[i] = values[i + 1]!;
    this.size = size;
  }

  /** For {@link fetchAhead}: all values. */
  read(): number {
    const { values, size } = this;
    let sum = 0;
    for (let at = 0; at < size; at += LINE) sum += values[at]!;
    return sum;
  }

  /** The place of the first value that is not less. */
  #search(value: number): number {
    const { values } = this;
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Sorts the first so many in place. */
export function sortFirst(count: number, values: Float64Array): void {
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
