import { type MetricRecord, recordProblem, START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from './record.js';

/** Records whose text is no longer than this are worth remembering piece by piece. */
const MAX_CACHED_CHARS = 512;
/** Series in the cache of a parser; when it is full it starts anew, so that memory stays bounded. */
const MAX_CACHED = 4096;

const BEFORE_AGENT = '","agent":"';
const BEFORE_VALUE = '","value":';
const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;
const COLON = 0x3a;
const LETTER_Z = 0x5a;
/** From the start of a line to the end of the date, `T` included, and to the point behind the seconds. */
const DAY_CHARS = TIMESTAMP_START + 11;
const SECOND_CHARS = TIMESTAMP_START + 20;
/** The largest number of 15 digits. */
const MAX_DIGITS = 999_999_999_999_999;
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const NUMBER_WORDS = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

/** What stands between a timestamp and its value, and what that means. */
interface Head {
  /** The text from the end of the timestamp to the value. */
  readonly text: string;
  readonly agent: string;
  readonly metric: string;
  /** What followed the value the last time: most often what follows it now. */
  tail: Tail | undefined;
  /** The head of the line after this one the last time. */
  next: Head | undefined;
}

/** What follows a value up to the end of the line, and what that means. */
interface Tail {
  readonly text: string;
  readonly fields: Pick<MetricRecord, 'unit' | 'type' | 'attributes' | 'scope' | 'writer'>;
}

/**
 * Parses a line of any form that is valid.
 *
 * @param line - One line without its newline.
 * @returns The record, or undefined where the line is none: torn, foreign, or breaking the rules of
 * {@link MetricRecord}. Keys that mean nothing here are ignored.
 *
 * @public
 */
export function parseRecord(line: string): MetricRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { timestamp, value, start, sum, min, max, bounds, ...rest } = json as Record<string, unknown>;
  const record = {
    time: parseTime(timestamp),
    agent: rest['agent'],
    metric: rest['metric'],
    value: parseNumber(value),
    unit: rest['unit'],
    type: rest['type'],
    attributes: rest['attributes'],
    temporality: rest['temporality'],
    start: start === undefined ? undefined : parseTime(start),
    count: rest['count'],
    sum: parseNumber(sum),
    min: parseNumber(min),
    max: parseNumber(max),
    bounds: Array.isArray(bounds) ? bounds.map(parseNumber) : bounds,
    counts: rest['counts'],
    scale: rest['scale'],
    zeroCount: rest['zeroCount'],
    positive: rest['positive'],
    negative: rest['negative'],
    scope: rest['scope'],
    writer: rest['writer'],
  } as MetricRecord;
  return recordProblem(record) === undefined ? record : undefined;
}

/** A number, or one of the three words that stand for what JSON cannot write; anything else as it is. */
function parseNumber(value: unknown): unknown {
  if (typeof value === 'string') return NUMBER_WORDS.get(value) ?? value;
  // JSON.parse reads 1e999 as Infinity, which nobody wrote.
  return value === Infinity || value === -Infinity ? null : value;
}

function parseTime(timestamp: unknown): number {
  if (typeof timestamp !== 'string' || timestamp.length !== 24) return NaN;
  const time = Date.parse(timestamp);
  // Date.parse takes more than one form of 24 characters; only the one that we write is ours.
  return !Number.isNaN(time) && new Date(time).toISOString() === timestamp ? time : NaN;
}

/**
 * Parses many lines, most of them in canonical form.
 *
 * @remarks
 * Lines of one series differ in timestamp and value only. So the text around those two is parsed by JSON.parse and
 * checked in full once, remembered, and from then on recognised by comparison: first with what stood there the last
 * time, which costs no more than reading it, then by lookup. Whatever does not fit that form goes through
 * {@link parseRecord}: there is no line that one of them takes and the other does not.
 */
export class LineParser {
  readonly #heads = new Map<string, Head>();
  readonly #tails = new Map<string, Tail>();
  #last: Head | undefined;
  #day = '';
  #dayTime = NaN;
  #second = '';
  #secondTime = NaN;

  /**
   * Parses the line at `[start, end)` of a text.
   *
   * @returns The record, or undefined where the line is none.
   */
  parse(text: string, start: number, end: number): MetricRecord | undefined {
    return this.#parseCanonical(text, start, end) ?? parseRecord(text.slice(start, end));
  }

  #parseCanonical(text: string, start: number, end: number): MetricRecord | undefined {
    const headStart = start + TIMESTAMP_END;
    if (end - start > MAX_CACHED_CHARS || headStart > end) return undefined;
    const time = this.#time(text, start);
    const head = this.#head(text, headStart, end);
    if (head === undefined) return undefined;
    const valueStart = headStart + head.text.length;
    const comma = text.indexOf(',', valueStart);
    const valueEnd = comma < 0 || comma >= end ? end - 1 : comma;
    const value = parseJsonNumber(text, valueStart, valueEnd);
    // A value may be NaN only as a string, which is not the fast form, so NaN says "not canonical" here.
    if (Number.isNaN(time) || Number.isNaN(value)) return undefined;
    const tail = this.#tail(head, text, valueEnd, end);
    if (tail === undefined) return undefined;
    const { agent, metric } = head;
    const { unit, type, attributes, scope, writer } = tail.fields;
    return { time, agent, metric, value, unit, type, attributes, scope, writer };
  }

  /** Reads start text and timestamp; NaN where they are none. */
  #time(text: string, start: number): number {
    if (text.startsWith(this.#second, start) && this.#second !== '') {
      return this.#secondTime + millisOf(text, start + SECOND_CHARS);
    }
    if (!text.startsWith(this.#day, start) || this.#day === '') {
      const day = text.slice(start, start + DAY_CHARS);
      if (!day.startsWith(START_TEXT)) return NaN;
      this.#dayTime = parseTime(`${day.slice(START_TEXT.length)}00:00:00.000Z`);
      this.#day = day;
    }
    // Slices of the chunk, which stays in memory for them: one chunk, until the second changes.
    this.#second = text.slice(start, start + SECOND_CHARS);
    this.#secondTime = this.#dayTime + secondOf(text, start + DAY_CHARS);
    return this.#secondTime + millisOf(text, start + SECOND_CHARS);
  }

  #head(text: string, start: number, end: number): Head | undefined {
    const guess = this.#last?.next;
    if (guess !== undefined && text.startsWith(guess.text, start)) return (this.#last = guess);
    const valueStart = text.indexOf(BEFORE_VALUE, start) + BEFORE_VALUE.length;
    if (valueStart < start || valueStart > end) return undefined;
    const head = this.#findHead(text.slice(start, valueStart));
    if (this.#last !== undefined) this.#last.next = head;
    return (this.#last = head);
  }

  #findHead(text: string): Head | undefined {
    const known = this.#heads.get(text);
    if (known !== undefined) return known;
    const json = text.startsWith(BEFORE_AGENT) ? parseObject(`{${text.slice(2)}0}`) : undefined;
    if (json === undefined || Object.keys(json).join() !== 'agent,metric,value') return undefined;
    const { agent, metric } = json as { agent: string; metric: string };
    if (recordProblem({ time: 0, value: 0, agent, metric }) !== undefined) return undefined;
    const head = { text: copy(text), agent, metric, tail: undefined, next: undefined };
    // What starts anew must not be reached from what was before, or memory would not be bounded.
    if (this.#heads.size >= MAX_CACHED) this.#last = undefined;
    return remember(this.#heads, head);
  }

  #tail(head: Head, text: string, start: number, end: number): Tail | undefined {
    const guess = head.tail;
    if (guess?.text.length === end - start && text.startsWith(guess.text, start)) return guess;
    return (head.tail = this.#findTail(text.slice(start, end)));
  }

  #findTail(text: string): Tail | undefined {
    const known = this.#tails.get(text);
    if (known !== undefined) return known;
    const json = parseObject(text.startsWith(',') ? `{${text.slice(1)}` : `{${text}`);
    if (json === undefined) return undefined;
    const { unit, type, attributes, scope, writer, ...others } = json;
    // Points with more keys, such as histograms, are different each time: not worth remembering.
    if (Object.keys(others).length > 0) return undefined;
    const fields = { unit, type, attributes, scope, writer } as Tail['fields'];
    const probe = { time: 0, agent: 'a', metric: 'm', value: 0, ...fields };
    return recordProblem(probe) === undefined
      ? remember(this.#tails, { text: copy(text), fields })
      : undefined;
  }
}

function remember<T extends { readonly text: string }>(cache: Map<string, T>, entry: T): T {
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(entry.text, entry);
  return entry;
}

/** A flat copy: a slice would keep the whole chunk alive that it was cut from. */
function copy(text: string): string {
  return Buffer.from(text).toString();
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Reads `hh:mm:ss.` as milliseconds; NaN where it is none. */
function secondOf(text: string, at: number): number {
  const hours = twoDigits(text, at);
  const minutes = twoDigits(text, at + 3);
  const seconds = twoDigits(text, at + 6);
  const marks =
    text.charCodeAt(at + 2) === COLON &&
    text.charCodeAt(at + 5) === COLON &&
    text.charCodeAt(at + 8) === POINT;
  if (!marks || !(hours < 24) || !(minutes < 60) || !(seconds < 60)) return NaN;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** Reads `mmmZ` as milliseconds; NaN where it is none. */
function millisOf(text: string, at: number): number {
  return text.charCodeAt(at + 3) === LETTER_Z ? twoDigits(text, at) * 10 + digit(text, at + 2) : NaN;
}

function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - ZERO;
  return value >= 0 && value <= 9 ? value : NaN;
}

/**
 * Reads a number in strict JSON form; NaN where it is none.
 *
 * @remarks
 * Up to 15 digits and their power of ten are doubles without error, so their quotient is the double nearest to the
 * decimal: W. D. Clinger, "How to Read Floating Point Numbers Accurately" (PLDI 1990).
 */
function parseJsonNumber(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start);
  // A leading zero stands alone before the point, and a minus sign is left to the long way.
  const plain =
    end - start <= 16 && !(first === ZERO && end - start > 1 && text.charCodeAt(start + 1) !== POINT);
  let digits = 0;
  let scale = 0;
  let at = start;
  for (; plain && at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      digits = digits * 10 + code - ZERO;
      scale *= 10;
    } else if (code === POINT && scale === 0 && at > start && at < end - 1) {
      scale = 1;
    } else {
      break;
    }
  }
  if (at === end && at > start && digits <= MAX_DIGITS) return scale === 0 ? digits : digits / scale;
  const literal = text.slice(start, end);
  const value = JSON_NUMBER.test(literal) ? Number(literal) : NaN;
  return Number.isFinite(value) ? value : NaN;
}
