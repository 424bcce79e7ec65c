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
  readonly #buckets = new Map<number | undefined, Aggregate>();
  #begin: number | undefined = NaN;
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
    return this.#add(record, false);
  }

  /** Adds a record, whatever memory that needs. */
  addAlways(record: MetricRecord): void {
    this.#add(record, true);
  }

  #add(record: MetricRecord, always: boolean): boolean {
    const begin =
      this.#stepMs === undefined ? undefined : Math.floor(record.time / this.#stepMs) * this.#stepMs;
    if (begin !== this.#begin || this.#current === undefined) {
      const found = this.#buckets.get(begin);
      if (found === undefined && !always && this.#memory.full) return false;
      this.#current = found ?? this.#start(begin);
      this.#begin = begin;
    }
    this.#current.add(record);
    return true;
  }

  /** The aggregates by the time at which their bucket begins, in order; undefined where there is but one. */
  get buckets(): readonly (readonly [begin: number | undefined, aggregate: Aggregate])[] {
    return [...this.#buckets].sort(([a], [b]) => (a ?? 0) - (b ?? 0));
  }

  #start(begin: number | undefined): Aggregate {
    const aggregate = createAggregate(this.#type, this.#streams, this.#memory);
    this.#buckets.set(begin, aggregate);
    this.#memory.use(GROUP_BYTES);
    return aggregate;
  }
}
