import { Piece, timeOfDay } from './line-bytes.js';
import { type Head, LinePieces } from './line-pieces.js';
import { parseRecord, parseTime } from './parse.js';
import type { RecordSeries } from './points.js';
import { type MetricRecord, START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from './record.js';

/** Lines of no more bytes than this are worth remembering piece by piece. */
const MAX_CACHED_BYTES = 512;

const BEFORE_VALUE = '","value":';
/** From the start of a line to the end of its timestamp, here once more: CommonJS asks another file for it at each line. */
const TIME_CHARS = TIMESTAMP_END;
/** From the start of a line to the end of the date, `T` included. */
const DAY_CHARS = TIMESTAMP_START + 11;

const NEWLINE = 0x0a;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const LETTER_Z = 0x5a;
const LETTER_E = 0x65;
/** What makes a letter a small one. */
const LOWER_CASE = 0x20;

/**
 * Parses many lines, most of them in canonical form.
 *
 * @remarks
 * Lines of one series differ in timestamp and value only. So the text around those two is parsed by JSON.parse and
 * checked in full once, and from then on recognised by comparing bytes: first with what stood there the last time,
 * for agents take turns, then by looking it up. Whatever does not fit that form goes through {@link parseRecord}:
 * there is no line that one of them takes and the other does not.
 */
export class LineParser {
  readonly #pieces = new LinePieces();
  readonly #jsonNumber = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(this.#bytes.buffer, 0, 0);
  #size = 0;
  #last: Head | undefined;
  #day: Piece | undefined;
  #dayTime = NaN;
  #end = 0;
  #timeFound = 0;
  #valueFound = 0;

  /** Time of the record whose series was found last. */
  get time(): number {
    return this.#timeFound;
  }

  /** Its value. */
  get value(): number {
    return this.#valueFound;
  }

  /** Offset behind the newline of the line that was parsed last. */
  get end(): number {
    return this.#end;
  }

  /**
   * Takes the bytes that are parsed from now on.
   *
   * @param bytes - Lines; the last byte is a newline.
   * @returns A view of them.
   */
  use(bytes: Buffer): DataView {
    this.#bytes = bytes;
    this.#size = bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#pieces.tick();
    return this.#view;
  }

  /**
   * Finds of what series a line is.
   *
   * @param start - Where the line begins.
   * @returns The series; {@link LineParser.time} and {@link LineParser.value} say the rest. Undefined where the line has
   * to be parsed.
   */
  series(start: number): RecordSeries | undefined {
    return this.#recognise(start) ?? this.#learn(start);
  }

  /**
   * Parses a line of no series.
   *
   * @param start - Where the line begins.
   * @returns The record; or the text of the line, without its newline, where it is none.
   */
  parse(start: number): MetricRecord | string {
    const newline = this.#bytes.indexOf(NEWLINE, start);
    const line = this.#bytes.toString('utf8', start, newline);
    this.#end = newline + 1;
    return parseRecord(line) ?? line;
  }

  /** Recognises the line at an offset where it is of the series that came next the last time. */
  #recognise(start: number): RecordSeries | undefined {
    const head = this.#last?.next;
    const [tail, day] = [head?.tail, this.#day];
    if (head === undefined || tail === undefined || day === undefined) return undefined;
    const [view, size] = [this.#view, this.#size];
    const headStart = start + TIME_CHARS;
    if (!day.isAt(view, size, start) || !head.piece.isAt(view, size, headStart)) return undefined;
    const time = this.#dayTime + this.#timeOfDay(start + DAY_CHARS);
    const value = this.#number(headStart + head.piece.length);
    const tailStart = this.#end;
    if (Number.isNaN(time) || Number.isNaN(value) || !tail.piece.isAt(view, size, tailStart))
      return undefined;
    this.#last = head;
    this.#end = tailStart + tail.piece.length;
    this.#timeFound = time;
    this.#valueFound = value;
    return head.series;
  }

  /**
   * Reads a number, and leaves in `#end` where it ends; NaN where it is none.
   *
   * @remarks
   * Up to 15 digits and their power of ten are doubles without error, so their quotient is the double nearest to the
   * decimal: W. D. Clinger, "How to Read Floating Point Numbers Accurately" (PLDI 1990).
   */
  #number(start: number): number {
    const [bytes, size] = [this.#bytes, this.#size];
    const negative = bytes[start] === MINUS;
    const first = negative ? start + 1 : start;
    let digits = 0;
    let scale = 0;
    let at = first;
    // A record has more behind its value than a byte, so there is a byte to look at.
    for (; at < size; at += 1) {
      const code = bytes[at]!;
      const digit = code - ZERO;
      if (digit >= 0 && digit <= 9) {
        digits = digits * 10 + digit;
        scale *= 10;
      } else if (code === POINT && scale === 0) {
        scale = 1;
      } else {
        break;
      }
    }
    // Not 007, nor .5, nor 5., nor 5e5, nor anything of so many digits that rounding is for somebody else.
    const leadingZero = bytes[first] === ZERO && at > first + 1 && bytes[first + 1] !== POINT;
    const length = at - first;
    if (
      length === 0 ||
      length > 16 ||
      digits > 999_999_999_999_999 ||
      leadingZero ||
      scale === 1 ||
      bytes[first] === POINT ||
      (bytes[at]! | LOWER_CASE) === LETTER_E
    ) {
      return this.#numberByText(start);
    }
    this.#end = at;
    const value = scale === 0 ? digits : digits / scale;
    return negative ? -value : value;
  }

  #numberByText(start: number): number {
    const text = this.#bytes.toString('latin1', start, start + 32);
    this.#jsonNumber.lastIndex = 0;
    const literal = this.#jsonNumber.exec(text)?.[0] ?? '';
    this.#end = start + literal.length;
    // Longer ones may go on behind what was looked at.
    return literal.length < 32 ? finite(literal) : NaN;
  }

  /** Takes a line apart, and remembers its pieces. */
  #learn(start: number): RecordSeries | undefined {
    const bytes = this.#bytes;
    const end = bytes.indexOf(NEWLINE, start) + 1;
    const headStart = start + TIME_CHARS;
    if (end - start > MAX_CACHED_BYTES || end < headStart) return undefined;
    // A character for each byte, whatever UTF-8 makes of them, so that places in the text are places in the bytes.
    const text = bytes.toString('latin1', headStart, end);
    const headLength = text.indexOf(BEFORE_VALUE) + BEFORE_VALUE.length;
    if (headLength < BEFORE_VALUE.length) return undefined;
    const time = this.#time(start);
    const value = this.#number(headStart + headLength);
    if (Number.isNaN(time) || Number.isNaN(value)) return undefined;
    const tailStart = this.#end;
    const head = this.#pieces.learn(
      { text: text.slice(0, headLength), start: headStart },
      { text: text.slice(tailStart - headStart), start: tailStart },
      this.#view,
      this.#last,
    );
    if (head === undefined) return undefined;
    this.#last = head;
    this.#end = end;
    this.#timeFound = time;
    this.#valueFound = value;
    return head.series;
  }

  /** Reads `hh:mm:ss.mmmZ` as milliseconds; NaN where it is none. */
  #timeOfDay(at: number): number {
    if (at + 13 > this.#size || this.#bytes[at + 12] !== LETTER_Z) return NaN;
    return timeOfDay(this.#view, at);
  }

  /** Reads the timestamp of a line; NaN where it begins with none. */
  #time(start: number): number {
    if (this.#day?.isAt(this.#view, this.#size, start) !== true) {
      const text = this.#bytes.toString('latin1', start, start + DAY_CHARS);
      if (!text.startsWith(START_TEXT)) return NaN;
      const dayTime = parseTime(`${text.slice(TIMESTAMP_START)}00:00:00.000Z`);
      if (Number.isNaN(dayTime)) return NaN;
      this.#dayTime = dayTime;
      this.#day = new Piece(this.#view, start, start + DAY_CHARS);
    }
    return this.#dayTime + this.#timeOfDay(start + DAY_CHARS);
  }
}

function finite(literal: string): number {
  const value = literal === '' ? NaN : Number(literal);
  return Number.isFinite(value) ? value : NaN;
}
