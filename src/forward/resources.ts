import type { Attributes } from '../attributes.js';
import { type MetricRecord, TARGET_INFO } from '../record.js';
import type { ResourceOf } from './backend.js';

const HOST = 'host.name';
const INSTANCE = 'service.instance.id';
/** Of one process, and so no part of what an agent is: it would be another resource after each restart. */
const OF_PROCESS: ReadonlySet<string> = new Set(['process.pid', INSTANCE]);

/**
 * What agents are, from the `target_info` records of their writers.
 *
 * @remarks
 * Everything has a host and an instance, which is the agent. Agents whose resource was not told for longest are
 * forgotten first.
 */
export class Resources {
  readonly #host: Attributes;
  readonly #max: number;
  readonly #records = new Map<string, MetricRecord>();
  readonly #made = new Map<string, Attributes>();

  constructor(host: string, attributes: Attributes, max: number) {
    this.#host = { [HOST]: host, ...attributes };
    this.#max = max;
  }

  /** Takes the records that describe writers. */
  add(records: readonly MetricRecord[]): void {
    for (const record of records) if (record.metric === TARGET_INFO) this.#set(record);
  }

  /** The last record of each agent. */
  records(): Iterable<MetricRecord> {
    return this.#records.values();
  }

  /** {@inheritDoc ResourceOf} */
  readonly of: ResourceOf = (agent) => {
    if (agent === undefined) return { ...this.#host, [INSTANCE]: this.#host[HOST]! };
    let made = this.#made.get(agent);
    if (made === undefined) {
      made = this.#make(agent);
      if (this.#made.size >= this.#max) this.#made.clear();
      this.#made.set(agent, made);
    }
    return made;
  };

  #make(agent: string): Attributes {
    const told = Object.entries(this.#records.get(agent)?.attributes ?? {});
    return {
      ...this.#host,
      ...Object.fromEntries(told.filter(([key]) => !OF_PROCESS.has(key))),
      [INSTANCE]: agent,
    };
  }

  #set(record: MetricRecord): void {
    const { agent } = record;
    this.#records.delete(agent);
    this.#records.set(agent, record);
    this.#made.delete(agent);
    if (this.#records.size > this.#max) this.#records.delete(this.#records.keys().next().value!);
  }
}
