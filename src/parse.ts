import { type MetricRecord, recordProblem, START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from './record.js';

/** Records whose text is no longer than this are worth remembering piece by piece. */
const MAX_CACHED_CHARS = 512;
/** Series in the cache of a parser; when it is full it starts anew, so that memory stays bounded. */
const MAX_CACHED = 4096;

const BEFORE_AGENT = '","agent":"';
const BEFORE_VALUE = '","value":';
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const NUMBER_WORDS = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

interface Head {
  readonly agent: string;
  readonly metric: string;
}

type Tail = Pick<MetricRecord, 'unit' | 'type' | 'attributes' | 'scope' | 'writer'>;

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
 * checked in full once, remembered, and from then on recognised by comparison. Whatever does not fit that form goes
 * through {@link parseRecord}: there is no line that one of them takes and the other does not.
 */
export class LineParser {
  readonly #heads = new Map<string, Head>();
  readonly #tails = new Map<string, Tail>();
  #day = '';
  #dayTime = NaN;

  /**
   * Parses the line at `[start, end)` of a text.
   *
   * @returns The record, or undefined where the line is none.
   */
  parse(text: string, start: number, end: number): MetricRecord | undefined {
    return this.#parseCanonical(text, start, end) ?? parseRecord(text.slice(start, end));
  }

  #parseCanonical(text: string, start: number, end: number): MetricRecord | undefined {
    if (end - start > MAX_CACHED_CHARS) return undefined;
    const headStart = start + TIMESTAMP_END + BEFORE_AGENT.length;
    if (!text.startsWith(START_TEXT, start) || !text.startsWith(BEFORE_AGENT, start + TIMESTAMP_END))
      return undefined;
    const time = this.#time(text, start + TIMESTAMP_START);
    const headEnd = text.indexOf(BEFORE_VALUE, headStart);
    if (headEnd < 0 || headEnd >= end) return undefined;
    const valueStart = headEnd + BEFORE_VALUE.length;
    const comma = text.indexOf(',', valueStart);
    const valueEnd = comma < 0 || comma >= end ? end - 1 : comma;
    const value = parseJsonNumber(text, valueStart, valueEnd);
    // A value may be NaN only as a string, which is not the fast form, so NaN says "not canonical" here.
    if (Number.isNaN(time) || Number.isNaN(value)) return undefined;
    const head = this.#head(text.slice(headStart, headEnd));
    const tail = this.#tail(text.slice(valueEnd, end));
    if (head === undefined || tail === undefined) return undefined;
    return {
      time,
      agent: head.agent,
      metric: head.metric,
      value,
      unit: tail.unit,
      type: tail.type,
      attributes: tail.attributes,
      scope: tail.scope,
      writer: tail.writer,
    };
  }

  #time(text: string, start: number): number {
    const day = text.slice(start, start + 11);
    if (day !== this.#day) {
      this.#dayTime = parseTime(`${day}00:00:00.000Z`);
      // A flat copy: a slice would keep the whole chunk alive.
      this.#day = copy(day);
    }
    return this.#dayTime + timeOfDay(text, start + 11);
  }

  #head(text: string): Head | undefined {
    const known = this.#heads.get(text);
    if (known !== undefined) return known;
    const json = parseObject(`{"agent":"${text}"}`);
    if (json === undefined || Object.keys(json).join() !== 'agent,metric') return undefined;
    const head = { agent: json['agent'], metric: json['metric'] } as Head;
    if (recordProblem({ time: 0, value: 0, ...head }) !== undefined) return undefined;
    remember(this.#heads, text, head);
    return head;
  }

  #tail(text: string): Tail | undefined {
    const known = this.#tails.get(text);
    if (known !== undefined) return known;
    const json = parseObject(text.startsWith(',') ? `{${text.slice(1)}` : `{${text}`);
    if (json === undefined) return undefined;
    const { unit, type, attributes, scope, writer, ...others } = json;
    // Points with more keys, such as histograms, are different each time: not worth remembering.
    if (Object.keys(others).length > 0) return undefined;
    const tail = { unit, type, attributes, scope, writer } as Tail;
    if (recordProblem({ time: 0, agent: 'a', metric: 'm', value: 0, ...tail }) !== undefined)
      return undefined;
    remember(this.#tails, text, tail);
    return tail;
  }
}

function remember<T>(cache: Map<string, T>, text: string, value: T): void {
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(copy(text), value);
}

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

/** Reads `hh:mm:ss.mmmZ` as milliseconds; NaN where it is none. */
function timeOfDay(text: string, at: number): number {
  const hours = twoDigits(text, at);
  const minutes = twoDigits(text, at + 3);
  const seconds = twoDigits(text, at + 6);
  const millis = twoDigits(text, at + 9) * 10 + digit(text, at + 11);
  const marks =
    text.charCodeAt(at + 2) === 0x3a &&
    text.charCodeAt(at + 5) === 0x3a &&
    text.charCodeAt(at + 8) === 0x2e &&
    text.charCodeAt(at + 12) === 0x5a;
  if (!marks || !(hours < 24) || !(minutes < 60) || !(seconds < 60)) return NaN;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis;
}

function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 0x30;
  return value >= 0 && value <= 9 ? value : NaN;
}

/** Reads a number in strict JSON form; NaN where it is none. */
function parseJsonNumber(text: string, start: number, end: number): number {
  const length = end - start;
  if (length > 0 && length <= 15) {
    let whole = 0;
    let at = start;
    while (at < end) {
      const value = text.charCodeAt(at) - 0x30;
      if (value < 0 || value > 9) break;
      whole = whole * 10 + value;
      at += 1;
    }
    const leadingZero = length > 1 && text.charCodeAt(start) === 0x30;
    if (at === end && !leadingZero) return whole;
  }
  const literal = text.slice(start, end);
  const value = JSON_NUMBER.test(literal) ? Number(literal) : NaN;
  return Number.isFinite(value) ? value : NaN;
}
