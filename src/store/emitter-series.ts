import { attributesProblem } from '../attributes.js';
import { shown } from '../options.js';
import {
  agentId,
  agentProblem,
  formatEnd,
  formatHead,
  formatSeries,
  MAX_LINE_BYTES,
  metricProblem,
  unitProblem,
} from '../record.js';
import type { EmitOptions } from './emitter-options.js';
import { shardOf } from './shard.js';

/** What the records of one series have in common, as text. */
export interface Series {
  readonly shard: number;
  readonly head: string;
  /** What follows the value, up to `start`. */
  readonly tail: string;
  /** What follows `start`. */
  readonly end: string;
  readonly type: 'gauge' | 'counter' | 'updowncounter';
  /** When the last point of a counter ended, which is where the next one starts; set by whoever records. */
  start: string;
}

/** Whose series they are. */
export interface SeriesOwner {
  /** The agent of a series that names none, in stored form. */
  readonly agent: string;
  readonly writer: string;
  readonly shards: number;
  /** The time, as a timestamp. */
  readonly now: () => string;
}

/** Series whose text is remembered; beyond it the memory starts anew. */
const MAX_SERIES = 4096;
/** Series that take more text than this are not remembered, or so many of them would be 256 MiB. */
const MAX_SERIES_CHARS = 1024;

/** Checks series and composes their text, and remembers those that were asked for by name. */
export class SeriesCache {
  readonly #owner: SeriesOwner;
  readonly #known = new Map<string, Series>();

  constructor(owner: SeriesOwner) {
    this.#owner = owner;
  }

  /** The series of a name and options, or what is wrong with them. */
  find(metric: string, options: EmitOptions): Series | string {
    const { agent, unit = '', type = 'gauge', attributes } = options;
    const who = agent === undefined ? '' : `=${agent}`;
    const shape = attributes === undefined ? '' : JSON.stringify(attributes);
    const key = `${who}\n${metric}\n${unit}\n${type}\n${shape}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const series = this.make(metric, options);
    if (typeof series !== 'string' && key.length <= MAX_SERIES_CHARS) {
      if (this.#known.size >= MAX_SERIES) this.#known.clear();
      this.#known.set(key, series);
    }
    return series;
  }

  /** A series of its own, or what is wrong with name or options. */
  make(metric: string, options: EmitOptions): Series | string {
    const { unit, attributes, type = 'gauge' } = options;
    const { writer, shards, now } = this.#owner;
    const agent = options.agent === undefined ? this.#owner.agent : agentId(options.agent);
    const problem =
      agentProblem(agent) ??
      metricProblem(metric) ??
      unitProblem(unit) ??
      attributesProblem(attributes) ??
      typeProblem(type);
    if (problem !== undefined) return problem;
    const head = formatHead(agent, metric);
    const gauge = type === 'gauge';
    const tail = formatSeries(unit, gauge ? undefined : type, attributes);
    const end = formatEnd(undefined, gauge ? undefined : writer);
    // 24 characters each for timestamp, start and value, and some for what is around them.
    const bytes = Buffer.byteLength(head) + Buffer.byteLength(tail) + Buffer.byteLength(end) + 128;
    if (bytes > MAX_LINE_BYTES) {
      return `a record's line must be at most ${MAX_LINE_BYTES} bytes, ${shown(metric)} needs ${bytes}`;
    }
    return { shard: shardOf(agent, shards), head, tail, end, type, start: now() };
  }
}

function typeProblem(type: unknown): string | undefined {
  if (type === 'gauge' || type === 'counter' || type === 'updowncounter') return undefined;
  return `type must be one of gauge, counter, updowncounter, got ${shown(type)}`;
}
