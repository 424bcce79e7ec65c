import { START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from '../record.js';

const MIN_TIME = Date.parse('0000-01-01T00:00:00.000Z');
const MAX_TIME = Date.parse('9999-12-31T23:59:59.999Z');
const START_BYTES = Buffer.from(START_TEXT);

/**
 * Tells records from before a time by their bytes, so that they need not be parsed.
 *
 * @remarks
 * Timestamps are of one form, in which the order of texts is that of times, and the order of numbers of four bytes,
 * highest first, is that of texts.
 */
export class Older {
  /** The start text up to a multiple of four bytes. */
  readonly #start = wordsOf(START_BYTES.subarray(0, START_BYTES.length & ~3));
  readonly #time: readonly number[];

  /**
   * Remembers the time.
   *
   * @param time - Unix milliseconds of the first time that is not older.
   */
  constructor(time: number) {
    // Times of records are whole milliseconds.
    const known = time >= MIN_TIME && time <= MAX_TIME;
    this.#time = known ? wordsOf(Buffer.from(new Date(Math.ceil(time)).toISOString(), 'latin1')) : [];
  }

  /** Whether a record begins at an offset, and is older. */
  at(view: DataView, offset: number): boolean {
    if (offset + TIMESTAMP_END > view.byteLength) return false;
    const start = this.#start;
    for (let i = 0; i < start.length; i += 1) if (view.getUint32(offset + 4 * i) !== start[i]) return false;
    const time = this.#time;
    for (let i = 0; i < time.length; i += 1) {
      const word = view.getUint32(offset + TIMESTAMP_START + 4 * i);
      if (word !== time[i]) return word < time[i]!;
    }
    return false;
  }

  /**
   * Where the next record begins behind the one at an offset, which may be torn, and glued to it.
   *
   * @returns The offset of its start text; the length of the bytes where there is none.
   */
  next(bytes: Buffer, offset: number): number {
    const next = bytes.indexOf(START_BYTES, offset + START_BYTES.length);
    return next < 0 ? bytes.length : next;
  }
}

function wordsOf(text: Buffer): number[] {
  return Array.from({ length: text.length / 4 }, (_, i) => text.readUInt32BE(4 * i));
}
