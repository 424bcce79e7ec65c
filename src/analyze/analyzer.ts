import { DROPPED, type MetricRecord, TARGET_INFO } from '../record.js';
import { type Aggregate, createAggregate } from './aggregate.js';
import { matchesGlob } from './glob.js';
import { compareText, type Group, MetricGroups } from './groups.js';
import { type AnalyzeOptions, type Query, readQuery } from './options.js';

/**
 * The answer of {@link analyze}.
 *
 * @public
 */
export interface Analysis {
  /** The `since` that was asked for, else the time of the earliest record that counted; ISO 8601, null without either. */
  readonly since: string | null;
  /** The `until` that was asked for, else the time of the latest record that counted; ISO 8601, null without either. */
  readonly until: string | null;
  /** By metric, then in the order of the keys they are grouped by; numbered agents by number. */
  readonly groups: readonly Group[];
  /** Records that counted. */
  readonly records: number;
  /** Records that writers could not store and reported in this time, whatever metrics and agents were asked for. */
  readonly dropped: number;
}

/**
 * Computes statistics over records, by group.
 *
 * @remarks
 * Reads the records once, in any order of agents and metrics, but those of one cumulative series in the order they
 * were written. Keeps 8 to 16 bytes for each value of gauges and counters, the last point of each cumulative series,
 * and of histograms their buckets. What the statistics of each type mean is told in `docs/statistics.md`.
 *
 * The metrics `target_info` and `cfn.metrics.dropped` are about writers, and make no groups.
 *
 * @param records - Records, such as those of `readRecords`.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is not what it must be.
 *
 * @public
 */
export function analyze(records: Iterable<MetricRecord>, options: AnalyzeOptions = {}): Analysis {
  const analyzer = new Analyzer(readQuery(options));
  for (const record of records) analyzer.add(record);
  return analyzer.analysis();
}

/** What becomes of the records of one metric. */
type Destination = MetricGroups | Aggregate | undefined;

class Analyzer {
  readonly #query: Query;
  readonly #destinations = new Map<string, Destination>();
  readonly #groups: [metric: string, groups: MetricGroups][] = [];
  readonly #dropped: Aggregate;
  #records = 0;
  #earliest = Infinity;
  #latest = -Infinity;

  constructor(query: Query) {
    this.#query = query;
    this.#dropped = createAggregate('counter', query.since);
  }

  add(record: MetricRecord): void {
    const { time, metric } = record;
    const { since, until, agents } = this.#query;
    if (time < since || time >= until) return;
    let destination = this.#destinations.get(metric);
    if (destination === undefined) {
      if (this.#destinations.has(metric)) return;
      destination = this.#destination(metric);
      this.#destinations.set(metric, destination);
      if (destination === undefined) return;
    }
    if (destination !== this.#dropped) {
      if (agents !== undefined && !agents.has(record.agent)) return;
      this.#records += 1;
      if (time < this.#earliest) this.#earliest = time;
      if (time > this.#latest) this.#latest = time;
    }
    destination.add(record);
  }

  analysis(): Analysis {
    const { since, until } = this.#query;
    return {
      since: isoTime(Number.isFinite(since) ? since : this.#earliest),
      until: isoTime(Number.isFinite(until) ? until : this.#latest),
      groups: this.#groups.sort(([a], [b]) => compareText(a, b)).flatMap(([, groups]) => groups.groups()),
      records: this.#records,
      dropped: this.#dropped.statistics().sum ?? 0,
    };
  }

  #destination(metric: string): Destination {
    if (metric === TARGET_INFO) return undefined;
    if (metric === DROPPED) return this.#dropped;
    const { metrics, keys, since } = this.#query;
    if (metrics !== undefined && !metrics.some((pattern) => matchesGlob(pattern, metric))) return undefined;
    const groups = new MetricGroups(metric, keys, since);
    this.#groups.push([metric, groups]);
    return groups;
  }
}

function isoTime(time: number): string | null {
  return Number.isFinite(time) ? new Date(time).toISOString() : null;
}
