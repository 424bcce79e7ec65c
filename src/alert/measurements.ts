import type { GroupKey } from '../analyze/options.js';
import type { Measured, MeasureQuery, Measurement, Wanted } from '../analyze/window-measured.js';
import { DROPPED } from '../record.js';
import { type Labels, labelsOf, labelsText } from './labels.js';
import { MeasuredGroups } from './measured-groups.js';
import { quantileOf, type Statistic } from './statistic.js';

/** Whoever measures what the records of a time range amount to: a window in memory, or the analyzer over files. */
export type Measure = (query: MeasureQuery) => Measurement;

/** What the rules with one grouping want to know. */
export interface Need {
  readonly metric: string;
  readonly windowMs: number;
  readonly statistic: Statistic;
}

/** By metric. */
type Table = ReadonlyMap<string, MeasuredGroups>;

const NOTHING = new MeasuredGroups();

/**
 * The statistics of one moment, for the rules that group alike: each time range is measured once, whatever number of
 * rules looks at it.
 */
export class Measurements {
  readonly #groupBy: readonly GroupKey[];
  readonly #measure: Measure;
  /** By length of the window and metric. */
  readonly #wanted = new Map<number, Map<string, Wanted[]>>();
  readonly #until: number;
  readonly #seen: number;
  /** By length of the window. */
  readonly #tables = new Map<number, Table>();
  /** The same, of the time before. */
  readonly #before = new Map<number, Table>();
  /** Of keys that are not the id of an agent. */
  readonly #labels = new Map<string, Labels>();
  readonly #byAgent: boolean;
  /** What was asked for last: a rule asks for the same of one group after the other. */
  #last: { readonly metric: string; readonly windowMs: number; readonly groups: MeasuredGroups } | undefined;

  /**
   * Measures nothing yet.
   *
   * @param now - Unix milliseconds; the window ends there.
   * @param previous - When it was evaluated last, or -Infinity. A window reaches back to a second before that at least:
   * nothing falls between two evaluations, also where windows are shorter than the time between them.
   */
  constructor(
    groupBy: readonly GroupKey[],
    needs: readonly Need[],
    measure: Measure,
    now: number,
    previous: number,
  ) {
    this.#groupBy = groupBy;
    this.#byAgent = groupBy.length === 1 && groupBy[0] === 'agent';
    this.#measure = measure;
    for (const { metric, windowMs, statistic } of needs) {
      const byMetric = entry(this.#wanted, windowMs, () => new Map<string, Wanted[]>());
      const known = entry(byMetric, metric, () => []);
      for (const one of wantedFor(statistic)) {
        if (!known.some(({ name }) => name === one.name)) known.push(one);
      }
    }
    // Whole seconds, as windows in memory have them; what is read has a time before the reading.
    this.#until = Math.ceil((now + 1) / SECOND_MS) * SECOND_MS;
    this.#seen = Math.floor((previous - LATE_MS) / SECOND_MS) * SECOND_MS;
  }

  /** The groups that have values of a metric, by key. */
  groups(metric: string, windowMs: number): MeasuredGroups {
    const last = this.#last;
    if (last?.metric === metric && last.windowMs === windowMs) return last.groups;
    const table = entry(this.#tables, windowMs, () => this.#read(windowMs, 0));
    const groups = table.get(metric) ?? NOTHING;
    this.#last = { metric, windowMs, groups };
    return groups;
  }

  /** What there is of a metric in a group. */
  of(metric: string, windowMs: number, group: string): readonly Measured[] {
    return this.groups(metric, windowMs).get(group);
  }

  /** How many values of a metric a group has. */
  count(metric: string, windowMs: number, group: string): number {
    return this.of(metric, windowMs, group).reduce((sum, { count }) => sum + count, 0);
  }

  /** The labels that a key stands for. */
  labels(group: string): Labels {
    return this.#labels.get(group) ?? (this.#byAgent && group !== '' ? { agent: group } : {});
  }

  /** A statistic; null where there is no such number. */
  value(measured: Measured, statistic: Statistic, windowMs: number): number | null {
    const { values } = measured;
    switch (statistic) {
      case 'increase':
        return (isCounted(measured) ? values['sum'] : values['delta']) ?? null;
      case 'growth':
        return isCounted(measured)
          ? this.#counterGrowth(measured, windowMs)
          : percent(values['first'], values['last']);
      default:
        return values[statistic] ?? null;
    }
  }

  /** How much more a counter counted than in the time before, of the same length, in percent. */
  #counterGrowth({ identity, values }: Measured, windowMs: number): number | null {
    const table = entry(this.#before, windowMs, () => this.#read(windowMs, 1));
    const before = table.get(identity.metric)?.get(this.#keyOf(identity)) ?? [];
    const same = before.find((one) => {
      return one.identity.type === identity.type && one.identity.unit === identity.unit;
    });
    return percent(same?.values['sum'], values['sum']);
  }

  /** Measures the window, or the one `back` windows before. */
  #read(windowMs: number, back: number): Table {
    const until = this.#until;
    const asked = until - Math.ceil(windowMs / SECOND_MS) * SECOND_MS;
    const since = this.#seen > -Infinity && this.#seen < asked ? this.#seen : asked;
    const length = until - since;
    const { groups, dropped } = this.#measure({
      since: since - back * length,
      until: until - back * length,
      groupBy: this.#groupBy,
      wanted: this.#wanted.get(windowMs) ?? new Map<string, Wanted[]>(),
    });
    const table = new Map<string, MeasuredGroups>();
    // Groups of a metric stand together.
    let metric: string | undefined;
    let byKey = NOTHING;
    for (const measured of groups) {
      const { identity } = measured;
      if (identity.metric !== metric) {
        metric = identity.metric;
        byKey = entry(table, metric, () => new MeasuredGroups());
      }
      byKey.add(this.#keyOf(identity), measured);
    }
    // The analyzer keeps it out of the groups and says it beside them.
    if (dropped > 0) {
      const all = new MeasuredGroups();
      all.add(this.#keyOf(DROPS), drops(dropped));
      table.set(DROPPED, all);
    }
    return table;
  }

  #keyOf({ agent, attributes }: Measured['identity']): string {
    // Nearly all rules group by agents or not at all, and an agent's id is a key as it is.
    if (this.#groupBy.length === 0 || (this.#byAgent && agent !== undefined)) return agent ?? '';
    const labels = labelsOf([
      ...(agent === undefined ? [] : [['agent', agent] as const]),
      ...Object.entries(attributes ?? {}),
    ]);
    const key = this.#byAgent ? '' : labelsText(labels);
    this.#labels.set(key, labels);
    return key;
  }
}

/** The key by which the measurements know the group of such labels. */
export function groupKeyOf(labels: Labels, groupBy: readonly GroupKey[]): string {
  if (groupBy.length === 0) return '';
  return groupBy.length === 1 && groupBy[0] === 'agent' ? (labels['agent'] ?? '') : labelsText(labels);
}

/** How long after the time that it carries a record may be appended. */
const LATE_MS = 1000;
const SECOND_MS = 1000;

/** What has to be measured for a statistic. */
function wantedFor(statistic: Statistic): Wanted[] {
  switch (statistic) {
    case 'increase':
      return [{ name: 'sum' }, { name: 'delta' }];
    case 'growth':
      return [{ name: 'sum' }, { name: 'first' }, { name: 'last' }];
    default: {
      if (isQuantile(statistic)) return [{ name: statistic, quantile: quantileOf(statistic)! }];
      return [{ name: statistic }];
    }
  }
}

function isQuantile(statistic: Statistic): statistic is `p${number}` {
  return quantileOf(statistic) !== undefined;
}

const DROPS = {
  metric: DROPPED,
  type: 'counter',
  unit: undefined,
  agent: undefined,
  attributes: undefined,
} as const;

function drops(count: number): Measured {
  return { identity: DROPS, count, values: { count, sum: count } };
}

function isCounted({ identity: { type } }: Measured): boolean {
  return type !== 'gauge' && type !== 'updowncounter';
}

/** From nothing there is no growth in percent. */
function percent(before: number | null = null, after: number | null = null): number | null {
  if (before === null || after === null || before === 0) return null;
  return (100 * (after - before)) / Math.abs(before);
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
