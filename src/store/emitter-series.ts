import { type Attributes, attributesProblem, isAttributeValue } from '../attributes.js';
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
  /** The same by their text. */
  readonly #composed = new Map<string, Series>();

  constructor(owner: SeriesOwner) {
    this.#owner = owner;
  }

  /** The series of a name and options, or what is wrong with them. */
  find(metric: string, options: EmitOptions): Series | string {
    const key = keyOf(metric, options);
    if (key === undefined) return this.make(metric, options);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const series = this.make(metric, options);
    return typeof series === 'string' || key.length > MAX_SERIES_CHARS ? series : this.#remember(key, series);
  }

  /** Attributes in another order are no other series: a counter would have two chains of intervals. */
  #remember(key: string, made: Series): Series {
    if (this.#known.size >= MAX_SERIES) {
      this.#known.clear();
      this.#composed.clear();
    }
    const text = made.head + made.tail;
    const series = this.#composed.get(text) ?? made;
    this.#composed.set(text, series);
    this.#known.set(key, series);
    return series;
  }

  /** A series of its own, or what is wrong with name or options. */
  make(metric: string, options: EmitOptions): Series | string {
    const { unit, type = 'gauge' } = options;
    const attributes = defined(options.attributes) as Attributes | undefined;
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

/** What no other series has; undefined where it cannot be one. */
function keyOf(metric: unknown, options: EmitOptions): string | undefined {
  const { agent, unit = '', type = 'gauge', attributes } = options;
  const texts = typeof metric === 'string' && typeof unit === 'string' && typeof type === 'string';
  const named = agent === undefined || typeof agent === 'string' || typeof agent === 'number';
  const shape = attributes === undefined ? '' : shapeOf(attributes);
  if (!texts || !named || shape === undefined) return undefined;
  const who = agent === undefined ? '' : `=${agent}`;
  // What they are is checked where a series is made, so each may have anything in it.
  return `${who.length},${metric.length},${type.length}\n${who}${metric}${type}${shape}\n${unit}`;
}

/**
 * Attributes as text, in no more time than JSON would take. That is the same for some that can be stored and some that cannot:
 * it leaves functions out, and asks objects for another value.
 */
function shapeOf(attributes: unknown): string | undefined {
  if (!isObject(attributes)) return undefined;
  let shape = '';
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value === undefined) continue;
    if (!isAttributeValue(value)) return undefined;
    const text = typeof value === 'object' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : `${value}`;
    shape += `${key.length},${text.length}${typeof value === 'string' ? '"' : ':'}${key}${text}`;
  }
  return shape;
}

/** Without those that are undefined, which here as elsewhere is as if they were not there. */
function defined(attributes: unknown): unknown {
  if (!isObject(attributes)) return attributes;
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

function isObject(attributes: unknown): attributes is Readonly<Record<string, unknown>> {
  return typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes);
}

function typeProblem(type: unknown): string | undefined {
  if (type === 'gauge' || type === 'counter' || type === 'updowncounter') return undefined;
  return `type must be one of gauge, counter, updowncounter, got ${shown(type)}`;
}
