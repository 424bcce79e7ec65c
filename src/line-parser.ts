import { parseRecord, parseTime } from './parse.js';
import { recordOf, type RecordSeries } from './points.js';
import {
  agentProblem,
  type MetricRecord,
  recordProblem,
  START_TEXT,
  TIMESTAMP_END,
  TIMESTAMP_START,
} from './record.js';

/** Lines that are no longer than this are worth remembering piece by piece. */
const MAX_CACHED_CHARS = 512;
/**
 * Characters of the pieces that are remembered of each kind; with more it starts anew, so that memory stays bounded.
 *
 * @remarks
 * Enough for 40,000 series. Those that take turns and do not fit cost seven times as much each: bench/window.mjs.
 */
const MAX_REMEMBERED_CHARS = 4_194_304;

const BEFORE_AGENT = '","agent":"';
/** A head whose strings stand for themselves; of the agent more has to be checked. */
const PLAIN_HEAD = /^","agent":"([^"\\]+)","metric":"([A-Za-z][A-Za-z0-9_./-]{0,254})","value":$/;
const BEFORE_VALUE = '","value":';
/** From the start of a line to the end of the date, `T` included. */
const DAY_CHARS = TIMESTAMP_START + 11;

const NEWLINE = 0x0a;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const LETTER_Z = 0x5a;

/** What stands between a timestamp and its value, and what that means. */
interface Head {
  readonly bytes: DataView;
  readonly agent: string;
  readonly metric: string;
  /** The series of all tails that were seen behind it. */
  readonly series: Map<Tail, RecordSeries>;
  /** What followed the value the last time: most often what follows it now. */
  tail: Tail | undefined;
  /** The series of both. */
  current: RecordSeries | undefined;
  /** The head of the line after this one the last time. */
  next: Head | undefined;
}

/** What follows a value up to the end of the line, newline included, and what that means. */
interface Tail {
  readonly bytes: DataView;
  readonly fields: Pick<MetricRecord, 'unit' | 'type' | 'attributes' | 'scope' | 'writer'>;
}

/** What was understood of pieces of lines, by their text. */
class Pieces<T> {
  readonly #pieces = new Map<string, T>();
  #chars = 0;

  /** Whether remembering one more forgets all before it. */
  get full(): boolean {
    return this.#chars >= MAX_REMEMBERED_CHARS;
  }

  get(text: string): T | undefined {
    return this.#pieces.get(text);
  }

  remember(text: string, piece: T): T {
    if (this.full) {
      this.#pieces.clear();
      this.#chars = 0;
    }
    this.#pieces.set(text, piece);
    this.#chars += text.length;
    return piece;
  }
}

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
  readonly #heads = new Pieces<Head>();
  readonly #tails = new Pieces<Tail>();
  readonly #jsonNumber = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(this.#bytes.buffer, 0, 0);
  #last: Head | undefined;
  #day = viewOf('');
  #dayText = '';
  #dayTime = NaN;
  /** The eight bytes of `hh:mm:ss` and the four of `.mmm`, as numbers, and what they mean. */
  #secondBytes = NaN;
  #secondTime = NaN;
  #millisBytes = NaN;
  #millis = NaN;
  #end = 0;
  #timeFound = 0;
  #valueFound = 0;

  /** Time of the record that was recognised last. */
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
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return this.#view;
  }

  /**
   * Parses a line that was not recognised.
   *
   * @param start - Where the line begins.
   * @returns The record; or the text of the line, without its newline, where it is none.
   */
  parse(start: number): MetricRecord | string {
    const newline = this.#bytes.indexOf(NEWLINE, start);
    const line = this.#bytes.toString('utf8', start, newline);
    this.#end = newline + 1;
    return this.#learn(line, start) ?? parseRecord(line) ?? line;
  }

  /**
   * Recognises the line at an offset where it is of the series that came next the last time.
   *
   * @param start - Where the line begins.
   * @returns The series; {@link LineParser.time} and {@link LineParser.value} say the rest. Undefined where the line has
   * to be parsed.
   */
  recognise(start: number): RecordSeries | undefined {
    const head = this.#last?.next;
    const tail = head?.tail;
    if (head === undefined || tail === undefined) return undefined;
    const view = this.#view;
    const headStart = start + TIMESTAMP_END;
    if (!matches(view, start, this.#day) || !matches(view, headStart, head.bytes)) return undefined;
    const time = this.#dayTime + this.#timeOfDay(start + DAY_CHARS);
    const value = this.#number(headStart + head.bytes.byteLength);
    const tailStart = this.#end;
    if (Number.isNaN(time) || Number.isNaN(value) || !matches(view, tailStart, tail.bytes)) return undefined;
    this.#last = head;
    this.#end = tailStart + tail.bytes.byteLength;
    this.#timeFound = time;
    this.#valueFound = value;
    return head.current;
  }

  /**
   * Reads a number, and leaves in `#end` where it ends; NaN where it is none.
   *
   * @remarks
   * Up to 15 digits and their power of ten are doubles without error, so their quotient is the double nearest to the
   * decimal: W. D. Clinger, "How to Read Floating Point Numbers Accurately" (PLDI 1990).
   */
  #number(start: number): number {
    const view = this.#view;
    const negative = view.getUint8(start) === MINUS;
    const first = negative ? start + 1 : start;
    let digits = 0;
    let scale = 0;
    let at = first;
    // A record has more behind its value than a byte, so there is a byte to look at.
    for (; at < view.byteLength; at += 1) {
      const code = view.getUint8(at);
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
    // Not 007, nor .5, nor 5., nor anything of so many digits that rounding is for somebody else.
    const leadingZero = view.getUint8(first) === ZERO && at > first + 1 && view.getUint8(first + 1) !== POINT;
    const length = at - first;
    if (
      length === 0 ||
      length > 16 ||
      digits > 999_999_999_999_999 ||
      leadingZero ||
      scale === 1 ||
      view.getUint8(first) === POINT
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

  /** Takes a line apart by its text, and remembers its pieces. */
  #learn(line: string, start: number): MetricRecord | undefined {
    if (line.length > MAX_CACHED_CHARS || !line.startsWith(START_TEXT)) return undefined;
    const valueStart = line.indexOf(BEFORE_VALUE, TIMESTAMP_END) + BEFORE_VALUE.length;
    if (valueStart < TIMESTAMP_END) return undefined;
    this.#jsonNumber.lastIndex = valueStart;
    const value = finite(this.#jsonNumber.exec(line)?.[0] ?? '');
    const valueEnd = this.#jsonNumber.lastIndex;
    const time = this.#time(line, start);
    if (Number.isNaN(time) || Number.isNaN(value)) return undefined;
    const head = this.#head(line.slice(TIMESTAMP_END, valueStart));
    const tail = this.#tail(line.slice(valueEnd));
    if (head === undefined || tail === undefined) return undefined;
    if (this.#last !== undefined) this.#last.next = head;
    head.tail = tail;
    head.current = seriesOf(head, tail);
    this.#last = head;
    return recordOf(head.current, time, value);
  }

  /** Reads `hh:mm:ss.mmmZ` as milliseconds; NaN where it is none. Most often it is that of the line before. */
  #timeOfDay(at: number): number {
    const view = this.#view;
    if (at + 13 > view.byteLength || view.getUint8(at + 12) !== LETTER_Z) return NaN;
    const second = view.getFloat64(at, true);
    if (second !== this.#secondBytes) {
      this.#secondTime = secondOf(view, at);
      this.#secondBytes = second;
    }
    const millis = view.getInt32(at + 8, true);
    if (millis !== this.#millisBytes) {
      this.#millis = millisOf(view, at + 8);
      this.#millisBytes = millis;
    }
    return this.#secondTime + this.#millis;
  }

  #time(line: string, start: number): number {
    if (this.#dayText === '' || !line.startsWith(this.#dayText)) {
      const dayText = line.slice(0, DAY_CHARS);
      const dayTime = parseTime(`${dayText.slice(TIMESTAMP_START)}00:00:00.000Z`);
      if (Number.isNaN(dayTime)) return NaN;
      this.#dayText = dayText;
      this.#dayTime = dayTime;
      this.#day = viewOf(dayText);
    }
    return this.#dayTime + this.#timeOfDay(start + DAY_CHARS);
  }

  #head(text: string): Head | undefined {
    const known = this.#heads.get(text);
    if (known !== undefined) return known;
    const identity = plainHead(text) ?? parseHead(text);
    if (identity === undefined) return undefined;
    const { agent, metric } = identity;
    // What starts anew must not be reached from what was before, or memory would not be bounded.
    if (this.#heads.full) this.#last = undefined;
    return this.#heads.remember(text, {
      bytes: viewOf(text),
      agent,
      metric,
      series: new Map(),
      tail: undefined,
      current: undefined,
      next: undefined,
    });
  }

  #tail(text: string): Tail | undefined {
    const known = this.#tails.get(text);
    if (known !== undefined) return known;
    // Points with a start, counts and the like differ each time: not worth remembering.
    const json = text.includes('"start":')
      ? undefined
      : parseObject(text.startsWith(',') ? `{${text.slice(1)}` : `{${text}`);
    if (json === undefined) return undefined;
    const { unit, type, attributes, scope, writer, ...others } = json;
    if (Object.keys(others).length > 0) return undefined;
    const fields = { unit, type, attributes, scope, writer } as Tail['fields'];
    if (recordProblem({ time: 0, agent: 'a', metric: 'm', value: 0, ...fields }) !== undefined)
      return undefined;
    return this.#tails.remember(text, { bytes: viewOf(`${text}\n`), fields });
  }
}

type HeadFields = Pick<MetricRecord, 'agent' | 'metric'>;

/** What a head without escapes says: nearly all heads there are, in a fifth of the time. */
function plainHead(text: string): HeadFields | undefined {
  const [, agent, metric] = PLAIN_HEAD.exec(text) ?? [];
  return agent === undefined || agentProblem(agent) !== undefined ? undefined : { agent, metric: metric! };
}

function parseHead(text: string): HeadFields | undefined {
  const json = text.startsWith(BEFORE_AGENT) ? parseObject(`{${text.slice(2)}0}`) : undefined;
  if (json === undefined || Object.keys(json).join() !== 'agent,metric,value') return undefined;
  const { agent, metric } = json as { agent: string; metric: string };
  return recordProblem({ time: 0, value: 0, agent, metric }) === undefined ? { agent, metric } : undefined;
}

/** The one object that stands for what both say. */
function seriesOf(head: Head, tail: Tail): RecordSeries {
  let series = head.series.get(tail);
  if (series === undefined) {
    const { agent, metric } = head;
    const { unit, type, attributes, scope, writer } = tail.fields;
    series = { agent, metric, unit, type, attributes, scope, writer };
    head.series.set(tail, series);
  }
  return series;
}

function viewOf(text: string): DataView {
  const bytes = Buffer.from(text);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Whether the bytes at an offset are these, compared eight at a time: that is ten times as fast as comparing strings.
 *
 * @remarks
 * Two doubles are equal when their bytes are, but for NaN, which with its highest byte last no UTF-8 makes, and which is
 * never equal; and for zeros, which no JSON has.
 */
function matches(view: DataView, start: number, bytes: DataView): boolean {
  const length = bytes.byteLength;
  if (start + length > view.byteLength) return false;
  if (length < 8) return sameBytes(view, start, bytes);
  for (let at = 0; at + 8 <= length; at += 8) {
    if (view.getFloat64(start + at, true) !== bytes.getFloat64(at, true)) return false;
  }
  // The last eight overlap with those before.
  return view.getFloat64(start + length - 8, true) === bytes.getFloat64(length - 8, true);
}

function sameBytes(view: DataView, start: number, bytes: DataView): boolean {
  for (let at = 0; at < bytes.byteLength; at += 1) {
    if (view.getUint8(start + at) !== bytes.getUint8(at)) return false;
  }
  return true;
}

/** Reads `hh:mm:ss` as milliseconds; NaN where it is none. */
function secondOf(view: DataView, at: number): number {
  const hours = twoDigits(view, at);
  const minutes = twoDigits(view, at + 3);
  const seconds = twoDigits(view, at + 6);
  const marks = view.getUint8(at + 2) === COLON && view.getUint8(at + 5) === COLON;
  if (!marks || !(hours < 24) || !(minutes < 60) || !(seconds < 60)) return NaN;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** Reads `.mmm`; NaN where it is none. */
function millisOf(view: DataView, at: number): number {
  return view.getUint8(at) === POINT ? twoDigits(view, at + 1) * 10 + digitAt(view, at + 3) : NaN;
}

function twoDigits(view: DataView, at: number): number {
  return digitAt(view, at) * 10 + digitAt(view, at + 1);
}

function digitAt(view: DataView, at: number): number {
  const digit = view.getUint8(at) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : NaN;
}

function finite(literal: string): number {
  const value = literal === '' ? NaN : Number(literal);
  return Number.isFinite(value) ? value : NaN;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
