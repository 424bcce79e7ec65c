import type { AttributeValue } from '../attributes.js';
import { agentNumber, type MetricRecord, RECORD_TYPES, type RecordType } from '../record.js';
import { type Aggregate, createAggregate } from './aggregate.js';
import type { QueryKey } from './options.js';
import type { Statistics } from './statistics.js';

/**
 * Statistics of the records that have metric, type, unit, and what was asked to group by, in common.
 *
 * @public
 */
export interface Group extends Statistics {
  /** The metric. */
  readonly metric: string;
  /** Kind of the points. One metric of several kinds makes several groups. */
  readonly type: RecordType;
  /** Unit of the values, where they have one. One metric in several units makes several groups. */
  readonly unit?: string | undefined;
  /** The agent, where it was asked to group by agents. */
  readonly agent?: string | undefined;
  /** The attributes that it was asked to group by, as text; those that the records do not have are left out. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/** A group in the making. */
interface Member {
  readonly metric: string;
  readonly type: RecordType;
  readonly unit: string | undefined;
  readonly values: readonly (string | undefined)[];
  /** What the values are sorted by first: the number of an agent that has one. */
  readonly numbers: readonly number[];
  readonly aggregate: Aggregate;
}

/** One step on the way to a group: a value of one key leads to the next. */
class Step {
  readonly next = new Map<string | undefined, Step>();
  member: Member | undefined;
}

/** The groups of one metric. Finding a record's group formats and concatenates nothing. */
export class MetricGroups {
  readonly #metric: string;
  readonly #keys: readonly QueryKey[];
  readonly #since: number;
  readonly #kinds = new Map<string, Step>();
  #type: RecordType | undefined;
  #unit: string | undefined;
  #kind: Step | undefined;
  readonly #members: Member[] = [];

  /** Starts without groups. */
  constructor(metric: string, keys: readonly QueryKey[], since: number) {
    this.#metric = metric;
    this.#keys = keys;
    this.#since = since;
  }

  /** Adds a record of this metric to its group. */
  add(record: MetricRecord): void {
    const { type, unit } = record;
    // Nearly always, all records of a metric are of one type and unit.
    const known = type === this.#type && unit === this.#unit ? this.#kind : undefined;
    let step: Step = known ?? this.#switchKind(type, unit);
    for (const key of this.#keys) {
      const value = valueOf(record, key);
      let next = step.next.get(value);
      if (next === undefined) {
        next = new Step();
        step.next.set(value, next);
      }
      step = next;
    }
    step.member ??= this.#member(record);
    step.member.aggregate.add(record);
  }

  /** The groups with their statistics, in order: by keys, then type, then unit. */
  groups(): readonly Group[] {
    return this.#members.sort(compareMembers).map((member) => this.#group(member));
  }

  #switchKind(type: RecordType | undefined, unit: string | undefined): Step {
    // No type has a space in it. What is absent and its explicit form, a gauge or an empty unit, are one kind.
    const name = `${type ?? 'gauge'} ${unit ?? ''}`;
    const kind = this.#kinds.get(name) ?? new Step();
    this.#kinds.set(name, kind);
    this.#type = type;
    this.#unit = unit;
    this.#kind = kind;
    return kind;
  }

  #member(record: MetricRecord): Member {
    const type = record.type ?? 'gauge';
    const values = this.#keys.map((key) => valueOf(record, key));
    const member = {
      metric: this.#metric,
      type,
      unit: record.unit === '' ? undefined : record.unit,
      values,
      numbers: this.#keys.map(({ attribute }) =>
        attribute === undefined ? (agentNumber(record.agent) ?? Infinity) : 0,
      ),
      aggregate: createAggregate(type, this.#since),
    };
    this.#members.push(member);
    return member;
  }

  #group({ metric, type, unit, values, aggregate }: Member): Group {
    const attributes: [string, string][] = [];
    let agent: string | undefined;
    for (const [i, { attribute }] of this.#keys.entries()) {
      const value = values[i];
      if (attribute === undefined) agent = value;
      else if (value !== undefined) attributes.push([attribute, value]);
    }
    return {
      metric,
      type,
      ...(unit !== undefined && { unit }),
      ...(agent !== undefined && { agent }),
      // fromEntries defines properties, so that one named __proto__ is like any other.
      ...(this.#keys.some((key) => key.attribute !== undefined) && {
        attributes: Object.fromEntries(attributes),
      }),
      ...aggregate.statistics(),
    };
  }
}

/**
 * What a record has for a key, as text.
 *
 * @remarks
 * The number 1 and the text "1" are one value: bash cannot write but text, and belongs in the group of its peers.
 */
function valueOf(record: MetricRecord, { attribute }: QueryKey): string | undefined {
  if (attribute === undefined) return record.agent;
  const { attributes } = record;
  if (attributes === undefined || !Object.hasOwn(attributes, attribute)) return undefined;
  const value = attributes[attribute] as AttributeValue;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** By code units; what is absent comes first. */
export function compareText(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  return a === undefined || (b !== undefined && a < b) ? -1 : 1;
}

/** By the keys in their order, numbered agents by number and before the named ones; then by type and unit. */
function compareMembers(a: Member, b: Member): number {
  for (let i = 0; i < a.values.length; i += 1) {
    // Equal first: between two that have no number the difference is NaN.
    const order = a.numbers[i] === b.numbers[i] ? 0 : a.numbers[i]! - b.numbers[i]!;
    if (order !== 0) return order;
    const text = compareText(a.values[i], b.values[i]);
    if (text !== 0) return text;
  }
  return RECORD_TYPES.indexOf(a.type) - RECORD_TYPES.indexOf(b.type) || compareText(a.unit, b.unit);
}
