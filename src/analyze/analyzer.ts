import { FEED, recordOf, type RecordSeries, type RecordSink, type RecordSource } from '../points.js';
import { DROPPED, type MetricRecord, TARGET_INFO } from '../record.js';
import { type Aggregate, type Asked, createAggregate } from './aggregate.js';
import { matchesGlob } from './glob.js';
import { compareText, type Group, MetricGroups } from './groups.js';
import { Memory } from './memory.js';
import type { AnalyzeOptions } from './options.js';
import { type Query, readQuery } from './query.js';
import { countOver, type Over, topOf } from './ranking.js';
import type { Series } from './series.js';
import { Streams } from './streams.js';

/**
 * The answer of {@link analyze}.
 *
 * @public
 */
export interface Analysis {
  /** The `since` that was asked for, else the time of the earliest record that counted; ISO 8601, null without either. */
  readonly since: string | null;
  /**
   * The `until` that was asked for, else the time of the latest record that counted, or of `now` where that is later and
   * there is a `since`; ISO 8601, null without any.
   */
  readonly until: string | null;
  /**
   * By metric, then in the order of the keys they are grouped by; numbered agents by number. With `top` the largest of
   * each metric first; with time buckets those of a group one after the other.
   */
  readonly groups: readonly Group[];
  /** How many groups are over the limit that was asked for, by metric; absent where none was. */
  readonly over?: readonly Over[] | undefined;
  /** Metrics that come in several types or units, and so in several groups that nothing else tells apart. */
  readonly mixed: readonly string[];
  /** Records that counted. */
  readonly records: number;
  /**
   * Records left out because they were more than a minute ahead of `now`, whatever metrics and agents were asked for;
   * absent where there was no `since` up to `now`, or an `until`.
   */
  readonly ahead?: number | undefined;
  /** Records that writers could not store and reported in this time, whatever metrics and agents were asked for. */
  readonly dropped: number;
}

/**
 * Computes statistics over records, by group.
 *
 * @remarks
 * Reads the records once, in any order of agents and metrics, but those of one cumulative series in the order they
 * were written. Keeps 8 bytes for each value of gauges and counters, up to `maxMemoryBytes`, the last point of each
 * cumulative series, and of histograms their buckets. What the statistics of each type mean is told in
 * `docs/statistics.md`. For records that come one after the other, from a stream for instance, there is
 * {@link Analyzer}.
 *
 * The metrics `target_info` and `cfn.metrics.dropped` are about writers, and make no groups.
 *
 * @param records - Records, such as those of `readRecords`.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is not what it must be.
 *
 * @public
 */
export function analyze(records: Iterable<MetricRecord>, options: AnalyzeOptions = {}): Analysis {
  const analyzer = new Analyzer(options);
  if (isSource(records)) records[FEED](analyzer);
  else for (const record of records) analyzer.add(record);
  return analyzer.analysis();
}

function isSource(records: Iterable<MetricRecord>): records is Iterable<MetricRecord> & RecordSource {
  return FEED in records;
}

/** Series whose group is remembered; a reader forgets them too, so that memory stays bounded. */
const MAX_KNOWN = 65_536;

/** What becomes of the records of one metric. */
type Destination = MetricGroups | Aggregate | undefined;

/**
 * Computes what {@link analyze} does, of records that are handed over one by one.
 *
 * @example
 * ```ts
 * const analyzer = new Analyzer({ groupBy: ['agent'] });
 * for await (const record of records) analyzer.add(record);
 * console.log(analyzer.analysis().groups);
 * ```
 *
 * @public
 */
export class Analyzer implements RecordSink {
  readonly #query: Query;
  readonly #destinations = new Map<string, Destination>();
  readonly #metrics: [metric: string, groups: MetricGroups][] = [];
  readonly #known = new Map<RecordSeries, Series>();
  readonly #memory: Memory;
  readonly #dropped: Aggregate;
  #records = 0;
  #ahead = 0;
  #earliest = Infinity;
  #latest = -Infinity;

  /**
   * Starts without records.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where an option is not what it must be.
   */
  constructor(options: AnalyzeOptions = {}) {
    this.#query = readQuery(options);
    this.#memory = new Memory(this.#query.maxMemoryBytes);
    this.#dropped = createAggregate('counter', new Streams(this.#query.since), this.#memory);
  }

  /** Takes a record; one that was not asked for changes nothing. */
  add(record: MetricRecord): void {
    if (this.#isAskedFor(record.time)) this.#add(record);
  }

  /** Takes a record that is a time and a value of a series; one that was not asked for changes nothing. */
  point(series: RecordSeries, time: number, value: number): void {
    if (!this.#isAskedFor(time)) return;
    const group = this.#known.get(series);
    if (group !== undefined && group.point(time, value)) this.#count(time);
    else this.#learn(series, this.#add(recordOf(series, time, value)));
  }

  #isAskedFor(time: number): boolean {
    const { since, until, latest } = this.#query;
    if (time < since || time >= until) return false;
    if (time <= latest) return true;
    this.#ahead += 1;
    return false;
  }

  #learn(series: RecordSeries, group: Series | undefined): void {
    if (group === undefined) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(series, group);
  }

  #add(record: MetricRecord): Series | undefined {
    const { metric, agent } = record;
    const { agents } = this.#query;
    let destination = this.#destinations.get(metric);
    if (destination === undefined && !this.#destinations.has(metric)) {
      destination = this.#destination(metric);
      this.#destinations.set(metric, destination);
    }
    if (destination instanceof MetricGroups) {
      if (agents !== undefined && !agents.has(agent)) return undefined;
      this.#count(record.time);
      return destination.add(record);
    }
    destination?.add(record);
    return undefined;
  }

  #count(time: number): void {
    this.#records += 1;
    if (time < this.#earliest) this.#earliest = time;
    if (time > this.#latest) this.#latest = time;
  }

  /** The statistics of all records so far. More may be added afterwards. */
  analysis(): Analysis {
    const { since, until, now, latest, top, over } = this.#query;
    const from = Number.isFinite(since) ? since : this.#earliest;
    const open = Number.isFinite(since) ? Math.max(this.#latest, now) : this.#latest;
    const to = Number.isFinite(until) ? until : open;
    const asked = (begin: number | undefined): Asked => this.#asked(from, to, begin);
    this.#metrics.sort(([a], [b]) => compareText(a, b));
    const series = this.#metrics.flatMap(([, groups]) => groups.groups(asked));
    const kept = top === undefined ? series : topOf(series, top.n, top.by);
    return {
      since: isoTime(from),
      until: isoTime(to),
      groups: kept.flat(),
      ...(over !== undefined && { over: countOver(series.flat(), over.limit, over.by) }),
      mixed: this.#metrics.filter(([, groups]) => groups.kinds > 1).map(([metric]) => metric),
      records: this.#records,
      ...(latest !== Infinity && { ahead: this.#ahead }),
      dropped: this.#dropped.statistics(asked(undefined)).sum ?? 0,
    };
  }

  #asked(from: number, to: number, begin: number | undefined): Asked {
    const { stepMs = 0, quantiles } = this.#query;
    const lengthMs = begin === undefined ? to - from : Math.min(begin + stepMs, to) - Math.max(begin, from);
    return { seconds: lengthMs > 0 && Number.isFinite(lengthMs) ? lengthMs / 1000 : null, quantiles };
  }

  #destination(metric: string): Destination {
    if (metric === TARGET_INFO) return undefined;
    if (metric === DROPPED) return this.#dropped;
    const { metrics } = this.#query;
    if (metrics !== undefined && !metrics.some((pattern) => matchesGlob(pattern, metric))) return undefined;
    const groups = new MetricGroups(metric, this.#query, this.#memory);
    this.#metrics.push([metric, groups]);
    return groups;
  }
}

function isoTime(time: number): string | null {
  return Number.isFinite(time) ? new Date(time).toISOString() : null;
}
