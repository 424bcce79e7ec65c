import type { Analysis } from '../analyze/analyzer.js';
import type { AnalyzeOptions, GroupKey } from '../analyze/options.js';
import { DROPPED, type RecordType } from '../record.js';
import { type Labels, labelsOf, labelsText } from './labels.js';
import { quantileOf, type Statistic } from './statistic.js';

/** What rules read of a group of the analyzer. */
export interface Measured {
  readonly type: RecordType;
  readonly count: number;
  readonly [statistic: string]: unknown;
}

/** Whoever answers what the records of a time range amount to: the analyzer over files, or a window in memory. */
export type Analyze = (
  query: Pick<AnalyzeOptions, 'metrics' | 'groupBy' | 'quantiles'> & Times,
) => Pick<Analysis, 'groups' | 'dropped'>;

/** What the rules with one grouping want to know. */
export interface Need {
  readonly metric: string;
  readonly windowMs: number;
  readonly statistic: Statistic;
}

/** A range of time: its begin, and its end which is not part of it. */
export interface Times {
  readonly since: number;
  readonly until: number;
}

/** By metric, then by group. */
type Table = ReadonlyMap<string, ReadonlyMap<string, readonly Measured[]>>;

const NOTHING: ReadonlyMap<string, readonly Measured[]> = new Map();

/**
 * The statistics of one moment, for the rules that group alike: each time range is analyzed once, whatever number of
 * rules looks at it.
 */
export class Measurements {
  readonly #groupBy: readonly GroupKey[];
  readonly #analyze: Analyze;
  readonly #metrics = new Map<number, Set<string>>();
  readonly #quantiles = new Map<number, Set<number>>();
  readonly #timesOf: (windowMs: number) => Times;
  readonly #tables = new Map<string, Table>();
  readonly #labels = new Map<string, Labels>();

  /**
   * Analyzes nothing yet.
   *
   * @param now - Unix milliseconds; the window ends there.
   * @param previous - When it was evaluated last, or -Infinity. A window reaches back to a second before that at least:
   * nothing falls between two evaluations, also where windows are shorter than the time between them.
   */
  constructor(
    groupBy: readonly GroupKey[],
    needs: readonly Need[],
    analyze: Analyze,
    now: number,
    previous: number,
  ) {
    this.#groupBy = groupBy;
    this.#analyze = analyze;
    for (const { metric, windowMs, statistic } of needs) {
      entry(this.#metrics, windowMs, () => new Set()).add(metric);
      const quantile = quantileOf(statistic);
      if (quantile !== undefined) entry(this.#quantiles, windowMs, () => new Set()).add(quantile);
    }
    // Whole seconds, as windows in memory have them; what is read has a time before the reading.
    const until = Math.ceil((now + 1) / SECOND_MS) * SECOND_MS;
    const seen = Math.floor((previous - LATE_MS) / SECOND_MS) * SECOND_MS;
    this.#timesOf = (windowMs) => {
      const since = until - Math.ceil(windowMs / SECOND_MS) * SECOND_MS;
      return { since: seen > -Infinity && seen < since ? seen : since, until };
    };
  }

  /** The groups that have values of a metric, by key. */
  groups(metric: string, windowMs: number): ReadonlyMap<string, readonly Measured[]> {
    return this.#table(windowMs, 0).get(metric) ?? NOTHING;
  }

  /** What there is of a metric in a group: more than one where it has several types or units. */
  of(metric: string, windowMs: number, group: string): readonly Measured[] {
    return this.groups(metric, windowMs).get(group) ?? [];
  }

  /** How many values of a metric a group has. */
  count(metric: string, windowMs: number, group: string): number {
    return this.of(metric, windowMs, group).reduce((sum, { count }) => sum + count, 0);
  }

  /** The labels that a key stands for. */
  labels(group: string): Labels {
    return this.#labels.get(group) ?? {};
  }

  /** A statistic; null where there is no such number. */
  value(measured: Measured, statistic: Statistic, windowMs: number): number | null {
    switch (statistic) {
      case 'increase':
        return isCounted(measured) ? number(measured['sum']) : number(measured['delta']);
      case 'growth':
        return isCounted(measured) ? this.#counterGrowth(measured, windowMs) : gaugeGrowth(measured);
      default: {
        const quantile = quantileOf(statistic);
        return number(quantile === undefined ? measured[statistic] : quantileIn(measured, quantile));
      }
    }
  }

  /** How much more a counter counted than in the time before, of the same length, in percent. */
  #counterGrowth(measured: Measured, windowMs: number): number | null {
    const metric = String(measured['metric']);
    const before = this.#table(windowMs, 1).get(metric)?.get(this.#keyOf(measured)) ?? [];
    const base = before.find(({ type, unit }) => type === measured.type && unit === measured['unit']);
    return percent(number(base?.['sum']), number(measured['sum']));
  }

  /** The statistics of the window, or of the one `back` windows before. */
  #table(windowMs: number, back: number): Table {
    return entry(this.#tables, `${windowMs} ${back}`, () => this.#read(windowMs, back));
  }

  #read(windowMs: number, back: number): Table {
    const { since, until } = this.#timesOf(windowMs);
    const length = until - since;
    const analysis = this.#analyze({
      since: since - back * length,
      until: until - back * length,
      metrics: [...(this.#metrics.get(windowMs) ?? [])],
      groupBy: this.#groupBy,
      quantiles: [...(this.#quantiles.get(windowMs) ?? [])],
    });
    const table = new Map<string, Map<string, Measured[]>>();
    for (const group of analysis.groups) {
      const measured = group as unknown as Measured;
      const byGroup = entry(table, group.metric, () => new Map<string, Measured[]>());
      entry(byGroup, this.#keyOf(measured), () => []).push(measured);
    }
    const { dropped } = analysis;
    // The analyzer keeps it out of the groups and says it beside them.
    if (dropped > 0) {
      const measured: Measured = { type: 'counter', count: dropped, sum: dropped, metric: DROPPED };
      table.set(DROPPED, new Map([[this.#keyOf(measured), [measured]]]));
    }
    return table;
  }

  #keyOf(measured: Measured): string {
    const agent = measured['agent'] as string | undefined;
    const attributes = measured['attributes'] as Labels | undefined;
    const [only] = this.#groupBy;
    if (only === undefined) return '';
    // Nearly all rules group by agents or not at all, and an agent's id is a key as it is.
    const key = this.#groupBy.length === 1 && only === 'agent' ? (agent ?? '') : undefined;
    if (key !== undefined && this.#labels.has(key)) return key;
    const labels = labelsOf([
      ...(agent === undefined ? [] : [['agent', agent] as const]),
      ...Object.entries(attributes ?? {}),
    ]);
    const text = key ?? labelsText(labels);
    this.#labels.set(text, labels);
    return text;
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

function isCounted({ type }: Measured): boolean {
  return type !== 'gauge' && type !== 'updowncounter';
}

function gaugeGrowth(measured: Measured): number | null {
  return percent(number(measured['first']), number(measured['last']));
}

/** From nothing there is no growth in percent. */
function percent(before: number | null, after: number | null): number | null {
  if (before === null || after === null || before === 0) return null;
  return (100 * (after - before)) / Math.abs(before);
}

function quantileIn(measured: Measured, quantile: number): unknown {
  const quantiles = measured['quantiles'] as Readonly<Record<string, number | null>> | undefined;
  return quantiles?.[String(quantile)] ?? measured[`p${Number((quantile * 100).toPrecision(12))}`];
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
