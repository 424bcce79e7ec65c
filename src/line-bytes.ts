const NONE = Buffer.alloc(0);
const COLON = 0x3a;
const POINT = 0x2e;
const ZERO = 0x30;

/**
 * A text whose bytes are looked for, eight at a time: that is ten times as fast as comparing strings.
 *
 * @remarks
 * Two doubles are equal when their bytes are, but for NaN, which with its highest byte last no UTF-8 makes, and which is
 * never equal; and for zeros, which no JSON has.
 */
export class Piece {
  /** In bytes. */
  readonly length: number;
  /** The bytes as doubles; the last one overlaps with that before. */
  readonly #doubles: Float64Array;
  /** Where there are less than eight. */
  readonly #few: Buffer;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    const { length } = bytes;
    this.length = length;
    this.#few = length < 8 ? bytes : NONE;
    this.#doubles = Float64Array.from({ length: length < 8 ? 0 : (length >> 3) + 1 }, (_, i) =>
      bytes.readDoubleLE(Math.min(8 * i, length - 8)),
    );
  }

  /**
   * Whether it stands at an offset.
   *
   * @param view - The bytes.
   * @param size - How many there are: to ask the view takes longer than to compare.
   */
  isAt(view: DataView, size: number, start: number): boolean {
    const { length } = this;
    if (start + length > size) return false;
    if (length < 8) return this.#few.every((byte, i) => view.getUint8(start + i) === byte);
    const doubles = this.#doubles;
    const last = doubles.length - 1;
    for (let i = 0; i < last; i += 1) {
      if (view.getFloat64(start + 8 * i, true) !== doubles[i]) return false;
    }
    return view.getFloat64(start + length - 8, true) === doubles[last];
  }
}

/** Reads `hh:mm:ss` as milliseconds; NaN where it is none. */
export function secondOf(bytes: Uint8Array, at: number): number {
  const hours = twoDigits(bytes, at);
  const minutes = twoDigits(bytes, at + 3);
  const seconds = twoDigits(bytes, at + 6);
  const marks = bytes[at + 2] === COLON && bytes[at + 5] === COLON;
  if (!marks || !(hours < 24) || !(minutes < 60) || !(seconds < 60)) return NaN;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** Reads `.mmm`; NaN where it is none. */
export function millisOf(bytes: Uint8Array, at: number): number {
  return bytes[at] === POINT ? twoDigits(bytes, at + 1) * 10 + digitAt(bytes, at + 3) : NaN;
}

function twoDigits(bytes: Uint8Array, at: number): number {
  return digitAt(bytes, at) * 10 + digitAt(bytes, at + 1);
}

function digitAt(bytes: Uint8Array, at: number): number {
  const digit = bytes[at]! - ZERO;
  return digit >= 0 && digit <= 9 ? digit : NaN;
}
