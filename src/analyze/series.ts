import type { MetricRecord, RecordType } from '../record.js';
import { type Aggregate, createAggregate } from './aggregate.js';
import type { Memory } from './memory.js';
import type { Streams } from './streams.js';

/** What a group takes beside its values, about: what keeps strangers from filling memory with groups. */
const GROUP_BYTES = 1024;

/** The records of one group: all together, or by time. */
export class Series {
  readonly #type: RecordType;
  readonly #streams: Streams;
  readonly #memory: Memory;
  readonly #stepMs: number | undefined;
  /** By the time at which they begin; undefined where there is but one. */
  #buckets: Map<number, Aggregate> | undefined;
  #begin: number | undefined;
  #current: Aggregate | undefined;

  /** Starts empty; see {@link createAggregate}. */
  constructor(type: RecordType, streams: Streams, memory: Memory, stepMs: number | undefined) {
    this.#type = type;
    this.#streams = streams;
    this.#memory = memory;
    this.#stepMs = stepMs;
  }

  /** Adds a record; false where that needs memory that is not there. */
  add(record: MetricRecord): boolean {
    const current = this.#stepMs === undefined ? this.#current : this.#bucket(record.time, this.#stepMs);
    if (current === undefined) return !this.#memory.full && this.addAlways(record);
    current.add(record);
    return true;
  }

  /** Adds what has but time and value; false where there is nothing yet that it could be added to. */
  point(time: number, value: number): boolean {
    const current = this.#stepMs === undefined ? this.#current : this.#bucket(time, this.#stepMs);
    current?.point(time, value);
    return current !== undefined;
  }

  /** Adds a record, whatever memory that needs. */
  addAlways(record: MetricRecord): true {
    this.#current ??= this.#start();
    this.#current.add(record);
    return true;
  }

  /** The aggregates by the time at which their bucket begins, in order; undefined where there is but one. */
  get buckets(): readonly (readonly [begin: number | undefined, aggregate: Aggregate])[] {
    if (this.#buckets !== undefined) return [...this.#buckets].sort(([a], [b]) => a - b);
    return this.#current === undefined ? [] : [[undefined, this.#current]];
  }

  /** Makes the bucket of a time the current one; undefined where there is none yet. */
  #bucket(time: number, stepMs: number): Aggregate | undefined {
    const begin = Math.floor(time / stepMs) * stepMs;
    if (begin !== this.#begin) {
      this.#begin = begin;
      this.#current = this.#buckets?.get(begin);
    }
    return this.#current;
  }

  #start(): Aggregate {
    this.#memory.use(GROUP_BYTES);
    const aggregate = createAggregate(this.#type, this.#streams, this.#memory);
    if (this.#begin === undefined) return aggregate;
    this.#buckets ??= new Map();
    this.#buckets.set(this.#begin, aggregate);
    return aggregate;
  }
}
