import { agentNumber, RECORD_TYPES, type RecordType } from '../record.js';
import { matchesGlob } from './glob.js';
import { compareText, type Group, OVERFLOW } from './groups.js';
import { PERCENTILES } from './measured.js';
import type { QueryKey } from './query.js';
import { AHEAD, fetchAhead, LINE } from './window-fetch.js';
import { NumberSeries } from './window-numbers.js';
import type { WindowQuestion } from './window-options.js';
import { CHANGE, isOf, Rows } from './window-rows.js';
import type { Labels, View } from './window-series.js';
import { groupOf, groupOfRow, type Identity } from './window-statistics.js';
import { type AnySeries, FIRST_POSITION } from './window-tree.js';

/** The position of none of these series. */
const APART = FIRST_POSITION - 1;

/** Which series make a group. */
interface PlannedGroup {
  readonly identity: Identity;
  readonly series: AnySeries[];
}

/**
 * The groups of one metric and type, as columns: where there are many, most of the time goes into fetching what leads to
 * their points from memory.
 */
export interface MetricRows {
  readonly metric: string;
  readonly type: RecordType;
  readonly identities: Identity[];
  /** The series, or several of them. */
  readonly series: (AnySeries | readonly AnySeries[])[];
}

/** Which series make which groups of a question, in the order of the answer, so that asking again need not find out. */
export class Plan {
  readonly #groups: readonly PlannedGroup[];
  /** Where what it adds up to is, of a group that can be told from that alone; else {@link APART}. */
  readonly #positions: Int32Array;
  readonly #identities: readonly Identity[];
  // What each of them was the last time, as columns.
  readonly #changes: Float64Array;
  readonly #records: Float64Array;
  readonly #answers: (Group | undefined)[];
  readonly #quantiles: readonly number[];
  #rows: readonly MetricRows[] | undefined;

  /**
   * Sorts series into groups.
   *
   * @param all - All series there are.
   * @param keys - What they are kept by.
   */
  constructor(all: readonly AnySeries[], keys: readonly QueryKey[], question: WindowQuestion) {
    this.#quantiles = question.quantiles.length === 0 ? PERCENTILES : [...PERCENTILES, ...question.quantiles];
    const groups = new Map<string, PlannedGroup>();
    const wanted = new Map<string, boolean>();
    const agentAt = keys.findIndex(({ kind }) => kind === 'agent');
    for (const series of all) {
      const { labels } = series;
      let isWanted = wanted.get(labels.metric);
      if (isWanted === undefined) {
        isWanted = question.metrics?.some((pattern) => matchesGlob(pattern, labels.metric)) ?? true;
        wanted.set(labels.metric, isWanted);
      }
      const agent = labels.values[agentAt];
      if (!isWanted || (question.agents !== undefined && !question.agents.has(agent ?? ''))) continue;
      const name = nameOf(labels, question.positions);
      const known = groups.get(name);
      if (known !== undefined) known.series.push(series);
      else {
        const identity = identityOf(labels, keys, question.positions);
        groups.set(name, { identity, series: [series] });
      }
    }
    const compare = comparison(keys, question.positions);
    this.#groups = [...groups.values()].sort((a, b) => compare(a.series[0]!.labels, b.series[0]!.labels));
    const alone = question.quantiles.length === 0;
    this.#positions = Int32Array.from(this.#groups, ({ series }) => (alone ? positionOf(series) : APART));
    this.#identities = this.#groups.map(({ identity }) => identity);
    this.#changes = new Float64Array(this.#groups.length).fill(-1);
    this.#records = new Float64Array(this.#groups.length);
    this.#answers = this.#groups.map(() => undefined);
  }

  /** The same, those that have no records in a view included, for who looks at all of them. */
  get rows(): readonly MetricRows[] {
    return (this.#rows ??= rowsOf(this.#groups));
  }

  /** The groups that have records in a view, and how many records these are. */
  answer(view: View): { readonly groups: Group[]; readonly records: number } {
    const groups: Group[] = [];
    let records = 0;
    const read = (at: number): number => this.#read(at, view);
    for (let at = 0; at < this.#groups.length; at += 1) {
      if (at % AHEAD === 0) fetchAhead(at, this.#groups.length, read);
      if (!this.#isTold(at, view)) this.#tell(at, view);
      const group = this.#answers[at];
      if (group === undefined) continue;
      groups.push(group);
      records += this.#records[at]!;
    }
    return { groups, records };
  }

  /** Tells a group from its row alone; false where that does not say all, or not of this range. */
  #isTold(at: number, view: View): boolean {
    const position = this.#positions[at]!;
    if (position === APART) return false;
    const row = view.rows.at(position);
    const begin = Rows.begin(position);
    if (!isOf(row, begin, view.since, view.until)) return false;
    const change = row[begin + CHANGE]!;
    if (change === this.#changes[at]) return true;
    const answer = groupOfRow(this.#identities[at]!, row, begin, view);
    if (answer !== undefined) this.#keep(at, change, answer);
    return answer !== undefined;
  }

  #tell(at: number, view: View): void {
    const { identity, series } = this.#groups[at]!;
    let changes = 0;
    for (const one of series) changes += one.advance(view);
    if (changes !== this.#changes[at])
      this.#keep(at, changes, groupOf(identity, series, view, this.#quantiles));
  }

  #keep(at: number, changes: number, answer: ReturnType<typeof groupOf>): void {
    this.#changes[at] = changes;
    this.#records[at] = answer?.records ?? 0;
    this.#answers[at] = answer?.group;
  }

  #read(at: number, view: View): number {
    const position = this.#positions[at]!;
    if (position !== APART) {
      const row = view.rows.at(position);
      const begin = Rows.begin(position);
      const sum = row[begin]! + row[begin + LINE]! + row[begin + 2 * LINE]! + row[begin + 3 * LINE]!;
      if (isOf(row, begin, view.since, view.until)) return sum;
    }
    return this.#groups[at]!.series[0]!.read(view);
  }
}

/** Levels may be those of several writers, and are told by who wrote. */
function positionOf([one, other]: readonly AnySeries[]): number {
  const alone = one instanceof NumberSeries && other === undefined && one.labels.type !== 'updowncounter';
  return alone ? one.position : APART;
}

function rowsOf(groups: readonly PlannedGroup[]): MetricRows[] {
  const all: MetricRows[] = [];
  let last: MetricRows | undefined;
  for (const { identity, series } of groups) {
    const { metric, type } = identity;
    if (last?.metric !== metric || last.type !== type) {
      last = { metric, type, identities: [], series: [] };
      all.push(last);
    }
    last.identities.push(identity);
    last.series.push(series.length === 1 ? series[0]! : series);
  }
  return all;
}

function nameOf({ metric, type, unit, values, overflow }: Labels, positions: readonly number[]): string {
  // Where nothing but the metric is asked for, what overflowed belongs to it as well.
  const apart = overflow && positions.length > 0;
  return JSON.stringify([
    metric,
    type,
    unit,
    apart,
    ...positions.map((position) => values[position] ?? null),
  ]);
}

function identityOf(labels: Labels, keys: readonly QueryKey[], positions: readonly number[]): Identity {
  const { metric, type, unit, values } = labels;
  const apart = labels.overflow && positions.length > 0;
  const attributes: [string, string][] = apart ? [[OVERFLOW, 'true']] : [];
  let agent: string | undefined;
  for (const position of positions) {
    const key = keys[position]!;
    const value = values[position];
    if (key.kind === 'agent') agent = value;
    else if (key.kind === 'attribute' && value !== undefined) attributes.push([key.name, value]);
  }
  const hasAttributes = apart || positions.some((position) => keys[position]!.kind === 'attribute');
  return {
    metric,
    type,
    unit,
    agent,
    // fromEntries defines properties, so that one named __proto__ is like any other.
    attributes: hasAttributes ? Object.fromEntries(attributes) : undefined,
  };
}

/** By metric, then the keys in the order they were asked for, then type and unit; what overflowed comes last. */
function comparison(
  keys: readonly QueryKey[],
  positions: readonly number[],
): (a: Labels, b: Labels) => number {
  return (a, b) => {
    const metric = compareText(a.metric, b.metric);
    if (metric !== 0) return metric;
    if (a.overflow !== b.overflow && positions.length > 0) return a.overflow ? 1 : -1;
    for (const position of positions) {
      const order = compareValues(a.values[position], b.values[position], keys[position]!);
      if (order !== 0) return order;
    }
    return RECORD_TYPES.indexOf(a.type) - RECORD_TYPES.indexOf(b.type) || compareText(a.unit, b.unit);
  };
}

function compareValues(a: string | undefined, b: string | undefined, { kind }: QueryKey): number {
  if (kind === 'agent' && a !== undefined && b !== undefined) {
    const [first, second] = [agentNumber(a) ?? Infinity, agentNumber(b) ?? Infinity];
    if (first !== second) return first - second;
  }
  return compareText(a, b);
}
