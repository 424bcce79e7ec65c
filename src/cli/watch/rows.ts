import { matchesGlob } from '../../analyze/glob.js';
import { compareText, type Group } from '../../analyze/groups.js';
import { agentNumber } from '../../record.js';
import { type Choice, type Sort, viewOf } from './choice.js';

/** A row: a metric, or an agent. */
export interface Row {
  /** What tells it from all others. */
  readonly key: string;
  readonly name: string;
  readonly group: Group;
  /** How much a second: of a counter its increments, of others their values. */
  readonly rate: number;
  /** How many agents have stored something of it; undefined where the row is of one agent. */
  readonly agents: number | undefined;
}

/** What a window says at one moment. */
export interface Moment {
  /** By metric, type and unit. */
  readonly metrics: readonly Group[];
  /** The same, and by agent. */
  readonly agents: readonly Group[];
  readonly seconds: number;
}

/** The rows of a view, filtered and sorted as a person has chosen. */
export function rowsOf(moment: Moment, choice: Choice): Row[] {
  const rows = allRows(moment, choice).filter(({ name }) => matchesGlob(globOf(choice.filter), name));
  const sign = choice.reversed ? -1 : 1;
  return rows.sort((a, b) => sign * compare(a, b, choice.sort) || compareNames(a.name, b.name));
}

/** What tells a row of a group from all others, and what the group's trend is kept by. */
export function rowKey({ metric, type, unit = '', agent = '' }: Group): string {
  return `${metric} ${type} ${unit} ${agent}`;
}

/** How many agents there are. */
export function countAgents({ agents }: Moment): number {
  return new Set(agents.map(({ agent }) => agent)).size;
}

function allRows(moment: Moment, choice: Choice): Row[] {
  const view = viewOf(choice);
  const { seconds } = moment;
  if (view.kind === 'metrics') {
    const counts = new Map<string, number>();
    for (const group of moment.agents) {
      const key = rowKey({ ...group, agent: undefined });
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return moment.metrics.map((group) => rowOf(group, group.metric, seconds, counts.get(rowKey(group)) ?? 0));
  }
  if (view.kind === 'agents') {
    const groups = moment.agents.filter(({ metric }) => metric === view.metric);
    return groups.map((group) => rowOf(group, group.agent ?? '(other agents)', seconds, undefined));
  }
  const groups = moment.agents.filter(({ agent }) => agent === view.agent);
  return groups.map((group) => rowOf(group, group.metric, seconds, undefined));
}

function rowOf(group: Group, name: string, seconds: number, agents: number | undefined): Row {
  return { key: rowKey(group), name, group, rate: group.rate ?? group.count / seconds, agents };
}

/** What has no wildcard in it may stand anywhere in a name. */
function globOf(filter: string): string {
  return /[*?]/.test(filter) ? filter : `*${filter}*`;
}

/** Names from A to Z, numbers from the largest to the smallest. */
function compare(a: Row, b: Row, sort: Sort): number {
  if (sort === 'name') return compareNames(a.name, b.name);
  const [first, second] = [numberOf(a, sort), numberOf(b, sort)];
  return first === second ? 0 : first > second ? -1 : 1;
}

function numberOf({ group, rate }: Row, sort: Exclude<Sort, 'name'>): number {
  const value = sort === 'rate' ? rate : group[sort];
  return value === null || Number.isNaN(value) ? -Infinity : value;
}

/** Agents by number, everything else by text. */
function compareNames(a: string, b: string): number {
  const [first, second] = [agentNumber(a) ?? Infinity, agentNumber(b) ?? Infinity];
  return first === second ? compareText(a, b) : first - second;
}
