import type { AttributeValue } from '../attributes.js';
import { agentNumber, type MetricRecord, RECORD_TYPES, type RecordType } from '../record.js';
import type { Asked } from './aggregate.js';
import type { Memory } from './memory.js';
import type { Query, QueryKey } from './query.js';
import { Series } from './series.js';
import type { Statistics } from './statistics.js';
import { Streams } from './streams.js';

/** The attribute of the group that takes what no group of its own could be made for, as OpenTelemetry names it. */
export const OVERFLOW = 'otel.metric.overflow';

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
  /** The shard, where it was asked to group by shards. */
  readonly shard?: number | undefined;
  /**
   * The attributes that it was asked to group by, as text; those that the records do not have are left out. Where there
   * were more groups than memory for them, the rest is one group with the attribute `otel.metric.overflow`.
   */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** When the time bucket begins, where buckets were asked for; ISO 8601. */
  readonly time?: string | undefined;
}

/** What tells a group from others. */
type Identity = { -readonly [K in keyof Omit<Group, keyof Statistics>]: Group[K] };

/** A group in the making. */
interface Member {
  readonly type: RecordType;
  readonly unit: string | undefined;
  /** Undefined for what no group of its own could be made for. */
  readonly values: readonly (string | undefined)[] | undefined;
  /** What the values are sorted by first: a number where there is one. */
  readonly numbers: readonly number[];
  readonly series: Series;
}

/** Records of one type and unit. */
interface Kind {
  readonly root: Step;
  readonly streams: Streams;
  overflow: Member | undefined;
}

/** One step on the way to a group: a value of one key leads to the next. */
class Step {
  readonly next = new Map<string | undefined, Step>();
  member: Member | undefined;
}

/** The groups of one metric. Finding a record's group formats and concatenates nothing. */
export class MetricGroups {
  readonly #metric: string;
  readonly #query: Query;
  readonly #keys: readonly QueryKey[];
  readonly #memory: Memory;
  readonly #kinds = new Map<string, Kind>();
  #type: RecordType | undefined;
  #unit: string | undefined;
  #kind: Kind | undefined;
  readonly #members: Member[] = [];

  /** Starts without groups. */
  constructor(metric: string, query: Query, memory: Memory) {
    this.#metric = metric;
    this.#query = query;
    this.#keys = query.keys;
    this.#memory = memory;
  }

  /** How many types and units the records come in. */
  get kinds(): number {
    return this.#kinds.size;
  }

  /**
   * Adds a record of this metric to its group.
   *
   * @returns Where all records of its series belong; undefined where there was no room for a group of theirs.
   */
  add(record: MetricRecord): Series | undefined {
    const { type, unit } = record;
    // Nearly always, all records of a metric are of one type and unit.
    const known = type === this.#type && unit === this.#unit ? this.#kind : undefined;
    const kind: Kind = known ?? this.#switchKind(type, unit);
    let step: Step | undefined = kind.root;
    for (const key of this.#keys) {
      step = this.#next(step, valueOf(record, key));
      if (step === undefined) break;
    }
    const member = step && (step.member ??= this.#member(record, kind));
    if (member?.series.add(record) === true) return member.series;
    this.#overflow(record, kind);
    return undefined;
  }

  /** The groups with their statistics, in order: by keys, then type, then unit, then time. */
  groups(asked: (begin: number | undefined) => Asked): Group[][] {
    return this.#members
      .sort(compareMembers)
      .map((member) =>
        member.series.buckets.map(([begin, aggregate]) =>
          Object.assign(this.#identity(member, begin), aggregate.statistics(asked(begin))),
        ),
      );
  }

  #switchKind(type: RecordType | undefined, unit: string | undefined): Kind {
    // No type has a space in it. What is absent and its explicit form, a gauge or an empty unit, are one kind.
    const name = `${type ?? 'gauge'} ${unit ?? ''}`;
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      // One for all groups, since the points of a stream may be of several time buckets.
      kind = { root: new Step(), streams: new Streams(this.#query.since), overflow: undefined };
      this.#kinds.set(name, kind);
    }
    this.#type = type;
    this.#unit = unit;
    this.#kind = kind;
    return kind;
  }

  #next(step: Step, value: string | undefined): Step | undefined {
    let next = step.next.get(value);
    if (next === undefined) {
      if (this.#memory.full) return undefined;
      next = new Step();
      step.next.set(value, next);
    }
    return next;
  }

  #member(record: MetricRecord, kind: Kind): Member {
    const values = this.#keys.map((key) => valueOf(record, key));
    const numbers = this.#keys.map((key, i) => numberOf(key, values[i]));
    return this.#created(record, kind, values, numbers, this.#query.stepMs);
  }

  #overflow(record: MetricRecord, kind: Kind): void {
    kind.overflow ??= this.#created(record, kind, undefined, [], undefined);
    kind.overflow.series.addAlways(record);
  }

  #created(
    { type = 'gauge', unit }: MetricRecord,
    { streams }: Kind,
    values: Member['values'],
    numbers: readonly number[],
    stepMs: number | undefined,
  ): Member {
    const series = new Series(type, streams, this.#memory, stepMs);
    const member = { type, unit: unit === '' ? undefined : unit, values, numbers, series };
    this.#members.push(member);
    return member;
  }

  /** Assigned one by one: spreading objects takes four times as long, which counts where groups are many. */
  #identity({ type, unit, values }: Member, begin: number | undefined): Identity {
    const identity: Identity = { metric: this.#metric, type };
    if (unit !== undefined) identity.unit = unit;
    const attributes: [string, string][] = values === undefined ? [[OVERFLOW, 'true']] : [];
    let hasAttributes = values === undefined;
    for (const [i, key] of this.#keys.entries()) {
      const value = values?.[i];
      if (key.kind === 'attribute') hasAttributes = true;
      if (value === undefined) continue;
      if (key.kind === 'agent') identity.agent = value;
      else if (key.kind === 'shard') identity.shard = Number(value);
      else attributes.push([key.name, value]);
    }
    // fromEntries defines properties, so that one named __proto__ is like any other.
    if (hasAttributes) identity.attributes = Object.fromEntries(attributes);
    if (begin !== undefined) identity.time = new Date(begin).toISOString();
    return identity;
  }
}

/**
 * What a record has for a key, as text.
 *
 * @remarks
 * The number 1 and the text "1" are one value: bash cannot write but text, and belongs in the group of its peers.
 */
export function valueOf(record: MetricRecord, key: QueryKey): string | undefined {
  if (key.kind === 'agent') return record.agent;
  if (key.kind === 'shard') return String(key.shardOf(record));
  const { attributes } = record;
  if (attributes === undefined || !Object.hasOwn(attributes, key.name)) return undefined;
  const value = attributes[key.name] as AttributeValue;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function numberOf({ kind }: QueryKey, value: string | undefined): number {
  if (kind === 'shard') return Number(value);
  return kind === 'agent' ? (agentNumber(value!) ?? Infinity) : 0;
}

/** By code units; what is absent comes first. */
export function compareText(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  return a === undefined || (b !== undefined && a < b) ? -1 : 1;
}

/** By the keys in their order, numbers by size and before names; then by type and unit. What overflowed comes last. */
function compareMembers(a: Member, b: Member): number {
  if (a.values === undefined || b.values === undefined) {
    if (a.values !== undefined) return -1;
    if (b.values !== undefined) return 1;
  }
  for (let i = 0; i < a.numbers.length; i += 1) {
    // Equal first: between two that have no number the difference is NaN.
    const order = a.numbers[i] === b.numbers[i] ? 0 : a.numbers[i]! - b.numbers[i]!;
    if (order !== 0) return order;
    const text = compareText(a.values?.[i], b.values?.[i]);
    if (text !== 0) return text;
  }
  return RECORD_TYPES.indexOf(a.type) - RECORD_TYPES.indexOf(b.type) || compareText(a.unit, b.unit);
}
