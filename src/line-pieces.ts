import { Piece } from './line-bytes.js';
import type { RecordSeries } from './points.js';
import { agentProblem, type MetricRecord, recordProblem } from './record.js';

/**
 * Characters of all pieces that are remembered; with more everything starts anew, so that memory stays bounded.
 *
 * @remarks
 * Enough for 40,000 series. Those that take turns and do not fit cost seven times as much each: bench/window.mjs.
 */
const MAX_REMEMBERED_CHARS = 8_388_608;
/**
 * After this everything starts anew as well, for writers come and go, and each is another piece of every line of theirs:
 * what follows for days would otherwise grow until it is full. To learn 10,000 series again takes a tenth of a second.
 */
const FORGET_MS = 600_000;
/** What a series takes beside its pieces, in characters. */
const SERIES_CHARS = 100;

const BEFORE_AGENT = '","agent":"';
/** A head whose strings stand for themselves; of the agent more has to be checked. */
const PLAIN_HEAD = /^","agent":"([^"\\]+)","metric":"([A-Za-z][A-Za-z0-9_./-]{0,254})","value":$/;

/** Letters that are more than one byte of UTF-8. */
const LONG_LETTERS = /[\u0080-\u00ff]/;

/** A piece of a line. */
export interface PieceText {
  /** A character for each byte. */
  readonly text: string;
  /** Where it begins. */
  readonly start: number;
}

/** What stands between a timestamp and its value, and what that means. */
export interface Head {
  readonly piece: Piece;
  readonly agent: string;
  readonly metric: string;
  /** What followed the value the last time: most often what follows it now. */
  tail: Tail | undefined;
  /** The series of both. */
  series: RecordSeries | undefined;
  /** The series of all tails that were seen behind it, where there was more than one. */
  all: Map<Tail, RecordSeries> | undefined;
  /** The head of the line after this one the last time. */
  next: Head | undefined;
}

/** What follows a value up to the end of the line, newline included, and what that means. */
export interface Tail {
  readonly piece: Piece;
  readonly fields: Pick<MetricRecord, 'unit' | 'type' | 'attributes' | 'scope' | 'writer'>;
}

/** What was understood of pieces of lines, by their text. */
export class LinePieces {
  readonly #heads = new Map<string, Head>();
  readonly #tails = new Map<string, Tail>();
  #chars = 0;
  #now = performance.now();
  #since = this.#now;

  /** Looks at the clock, which to ask for each line would take a while. */
  tick(): void {
    this.#now = performance.now();
  }

  /**
   * Understands a line by its pieces, and remembers them.
   *
   * @param view - The bytes that they are pieces of.
   * @param before - The head of the line before this one, which will know what came next.
   * @returns The head, with its tail; undefined where they are not those of a canonical line, or not worth remembering.
   */
  learn(
    headText: PieceText,
    tailText: PieceText,
    view: DataView,
    before: Head | undefined,
  ): Head | undefined {
    const anew = this.#chars >= MAX_REMEMBERED_CHARS || this.#now - this.#since >= FORGET_MS;
    if (anew) this.#forget();
    const head = this.#head(headText, view);
    const tail = head && this.#tail(tailText, view);
    if (tail === undefined) return undefined;
    if (head!.tail !== tail) this.#follow(head!, tail);
    // What started anew must not be reached from what was before, or memory would not be bounded.
    if (before !== undefined && !anew) before.next = head;
    return head;
  }

  #forget(): void {
    this.#since = this.#now;
    this.#heads.clear();
    this.#tails.clear();
    this.#chars = 0;
  }

  #head({ text, start }: PieceText, view: DataView): Head | undefined {
    const known = this.#heads.get(text);
    if (known !== undefined) return known;
    const identity = readHead(utf8(text));
    if (identity === undefined) return undefined;
    const { agent, metric } = identity;
    const piece = new Piece(view, start, start + text.length);
    // One plain literal: what is spread into an object lies further away in memory, which every line would pay.
    const head: Head = {
      piece,
      agent,
      metric,
      tail: undefined,
      series: undefined,
      all: undefined,
      next: undefined,
    };
    this.#heads.set(text, head);
    this.#chars += text.length;
    return head;
  }

  #tail({ text, start }: PieceText, view: DataView): Tail | undefined {
    const known = this.#tails.get(text);
    if (known !== undefined) return known;
    const fields = parseTail(utf8(text));
    if (fields === undefined) return undefined;
    const tail = { piece: new Piece(view, start, start + text.length), fields };
    this.#tails.set(text, tail);
    this.#chars += text.length;
    return tail;
  }

  /** Notes down what follows a head now, and the one object that stands for what both say. */
  #follow(head: Head, tail: Tail): void {
    if (head.tail !== undefined) head.all ??= new Map([[head.tail, head.series!]]);
    let series = head.all?.get(tail);
    if (series === undefined) {
      const { agent, metric } = head;
      const { unit, type, attributes, scope, writer } = tail.fields;
      series = { agent, metric, unit, type, attributes, scope, writer };
      head.all?.set(tail, series);
      this.#chars += SERIES_CHARS;
    }
    head.tail = tail;
    head.series = series;
  }
}

/** The text that bytes are, of which each is a character here. */
function utf8(text: string): string {
  return LONG_LETTERS.test(text) ? Buffer.from(text, 'latin1').toString() : text;
}

type HeadFields = Pick<MetricRecord, 'agent' | 'metric'>;

function readHead(text: string): HeadFields | undefined {
  // Nearly all heads there are have no escapes, and take a fifth of the time.
  const [, agent, metric] = PLAIN_HEAD.exec(text) ?? [];
  return agent === undefined || agentProblem(agent) !== undefined
    ? parseHead(text)
    : { agent, metric: metric! };
}

function parseHead(text: string): HeadFields | undefined {
  const json = text.startsWith(BEFORE_AGENT) ? parseObject(`{${text.slice(2)}0}`) : undefined;
  if (json === undefined || Object.keys(json).join() !== 'agent,metric,value') return undefined;
  const { agent, metric } = json as { agent: string; metric: string };
  return recordProblem({ time: 0, value: 0, agent, metric }) === undefined ? { agent, metric } : undefined;
}

function parseTail(text: string): Tail['fields'] | undefined {
  // Points with a start, counts and the like differ each time: not worth remembering.
  // Behind another member, for JSON knows where commas belong; null, for no text makes another value of that.
  const json = text.includes('"start":') ? undefined : parseObject(`{"":null${text}`);
  if (json === undefined) return undefined;
  const { '': _before, unit, type, attributes, scope, writer, ...others } = json;
  if (Object.keys(others).length > 0) return undefined;
  const fields = { unit, type, attributes, scope, writer } as Tail['fields'];
  const problem = recordProblem({ time: 0, agent: 'a', metric: 'm', value: 0, ...fields });
  return problem === undefined ? fields : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
