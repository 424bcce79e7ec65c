import { formatAttributes, type Attributes } from '../attributes.js';
import { type MetricRecord, type RecordType, TARGET_INFO } from '../record.js';
import { ownAttributes, Series, type SeriesIdentity } from './cumulative-series.js';
import { WriterStreams } from './writer-streams.js';

/** A series whose text is longer is folded at once, or as many of them as may be would take hundreds of megabytes. */
const MAX_KEY_CHARS = 4096;
/** How often room is looked for, at most. */
const MAKE_ROOM_MS = 1000;

const OVERFLOW: SeriesIdentity = {
  agent: undefined,
  scope: undefined,
  attributes: { 'otel.metric.overflow': true },
};

/** What a {@link CumulativeState} is bounded by. */
export interface CumulativeSettings {
  /** Whether each agent has a series of its own, or counters and histograms are those of all agents. */
  readonly per: 'agent' | 'host';
  /** Series that are kept apart. */
  readonly maxSeries: number;
  /** After so long without a value a gauge is no more. */
  readonly gaugeMaxAgeMs: number;
  /** A counter that did not grow for so long is folded where room is needed. */
  readonly idleMs: number;
  /** Whether totals are those of one interval, at whose end they are cleared. */
  readonly interval?: boolean;
}

/** One metric of one type and unit. */
export interface Metric {
  readonly name: string;
  readonly type: RecordType;
  readonly unit: string;
  readonly series: Map<string, Series>;
  /** What no series of its own could be kept for, added up. */
  overflow: Series | undefined;
}

/**
 * What all records so far add up to, by writer: deltas are added, and of cumulative points what they have more than the
 * one before them.
 *
 * @remarks
 * Pure: the clock is passed in. Bounded: beyond `maxSeries`, series that were idle for long make room, and then new
 * ones are added to one of their metric with the attribute `otel.metric.overflow`, so that sums over all series never
 * fall and nothing is counted twice (https://opentelemetry.io/docs/specs/otel/metrics/sdk/#cardinality-limits).
 */
export class CumulativeState {
  /** Points that were not added: see `refused` of ProducerStats. */
  refused = 0;
  /** Points that were added to an overflow series. */
  overflowed = 0;
  /** Series that were folded because they were idle. */
  folded = 0;
  readonly streams: WriterStreams;
  readonly #settings: CumulativeSettings;
  readonly #metrics = new Map<string, Metric>();
  readonly #attributeTexts = new WeakMap<Attributes, string>();
  #size = 0;
  #madeRoomAt = -Infinity;

  constructor(settings: CumulativeSettings) {
    this.#settings = settings;
    this.streams = new WriterStreams(2 * settings.maxSeries);
  }

  /** Series that are kept apart. */
  get size(): number {
    return this.#size;
  }

  /** All metrics, in the order in which they came up. */
  metrics(): Iterable<Metric> {
    return this.#metrics.values();
  }

  /**
   * Adds records.
   *
   * @param records - In the order of their file.
   * @param now - Unix milliseconds; what claims to be from the future is from now.
   */
  add(records: readonly MetricRecord[], now: number): void {
    for (const record of records) {
      if (record.metric !== TARGET_INFO) this.#add(record, now);
    }
  }

  /** Forgets gauges that are too old, and metrics without a series. Nothing is younger than now, whatever it claims. */
  expire(now: number): void {
    const { gaugeMaxAgeMs } = this.#settings;
    for (const [key, metric] of this.#metrics) {
      const { type, series, overflow } = metric;
      for (const each of series.values()) each.settle(now);
      overflow?.settle(now);
      if (type === 'gauge') {
        for (const [name, { time }] of series) if (time < now - gaugeMaxAgeMs) this.#remove(series, name);
        if (overflow !== undefined && overflow.time < now - gaugeMaxAgeMs) metric.overflow = undefined;
      }
      if (series.size === 0 && metric.overflow === undefined) this.#metrics.delete(key);
    }
  }

  /** Forgets the totals of counters and histograms, but not where their writers are. Up-down counters stay. */
  clearTotals(): void {
    for (const metric of this.#metrics.values()) {
      if (metric.type === 'gauge' || metric.type === 'updowncounter') continue;
      this.#size -= metric.series.size;
      metric.series.clear();
      metric.overflow = undefined;
    }
  }

  /** The metric of a record; undefined where there are too many already. */
  metricOf({ metric: name, type = 'gauge', unit = '' }: MetricRecord, now: number): Metric | undefined {
    const key = `${type}\n${unit}\n${name}`;
    const known = this.#metrics.get(key);
    if (known !== undefined) return known;
    if (this.#metrics.size >= this.#settings.maxSeries || !this.#hasRoom(now)) return undefined;
    const metric: Metric = { name, type, unit, series: new Map(), overflow: undefined };
    this.#metrics.set(key, metric);
    return metric;
  }

  /** The series of a record, or the overflow series of its metric. */
  seriesOf(metric: Metric, record: MetricRecord, now: number): Series {
    const { agent, scope } = record;
    const own = this.#settings.per === 'agent' || metric.type === 'gauge';
    const text = this.textOf(record);
    const key = own ? `${agent}\n${text}` : text;
    const known = metric.series.get(key);
    if (known !== undefined) return known;
    if (key.length > MAX_KEY_CHARS || !this.#hasRoom(now)) {
      this.overflowed += 1;
      return this.overflowOf(metric, record, now);
    }
    // a copy, since records share theirs: whoever forwards points knows a series by its attributes
    const attributes = { ...ownAttributes(record.attributes) };
    const identity = { agent: own ? agent : undefined, scope, attributes };
    const series = new Series(metric.type, identity, startOf(record, now));
    metric.series.set(key, series);
    this.#size += 1;
    return series;
  }

  /** The overflow series of a metric. */
  overflowOf(metric: Metric, record: MetricRecord, now: number): Series {
    metric.overflow ??= new Series(metric.type, OVERFLOW, startOf(record, now));
    return metric.overflow;
  }

  /** Text that names the series of a record, apart from its agent and metric. */
  textOf({ scope = '', attributes }: MetricRecord): string {
    if (attributes === undefined) return scope;
    let text = this.#attributeTexts.get(attributes);
    if (text === undefined) {
      text = formatAttributes(ownAttributes(attributes));
      this.#attributeTexts.set(attributes, text);
    }
    return scope + text;
  }

  /** Text that names the stream of a record, apart from its agent, writer and start. */
  streamOf(record: MetricRecord): string {
    const { metric, type, unit = '' } = record;
    return `${type ?? ''}\n${unit}\n${metric}\n${this.textOf(record)}`;
  }

  #add(record: MetricRecord, now: number): void {
    const metric = this.metricOf(record, now);
    if (metric === undefined) {
      this.refused += 1;
      return;
    }
    if (metric.type === 'gauge') {
      this.seriesOf(metric, record, now).set(record.value, record.time, now);
      return;
    }
    if (record.temporality === undefined) {
      this.#addTo(metric, record, undefined, now);
    } else if (metric.type === 'updowncounter') {
      const series = this.seriesOf(metric, record, now);
      series.setLast(record);
      series.time = Math.max(series.time, Math.min(record.time, now));
    } else {
      const before = this.streams.advance(this.streamOf(record), record);
      if (before === 'baseline') this.refused += 1;
      else this.#addTo(metric, record, before === 'whole' ? undefined : before, now);
    }
  }

  #addTo(metric: Metric, record: MetricRecord, before: MetricRecord | undefined, now: number): void {
    const series = this.seriesOf(metric, record, now);
    // the extremes of a cumulative point may be older than the interval
    const partial = this.#settings.interval === true && before !== undefined;
    const added = partial ? { ...record, min: undefined, max: undefined } : record;
    if (series.total!.add(added, before)) series.changed = true;
    else this.refused += 1;
    series.time = Math.max(series.time, Math.min(record.time, now));
  }

  #hasRoom(now: number): boolean {
    const { maxSeries } = this.#settings;
    if (this.#size < maxSeries) return true;
    // the clock may have been set back
    if (Math.abs(now - this.#madeRoomAt) < MAKE_ROOM_MS) return false;
    this.#madeRoomAt = now;
    this.expire(now);
    this.#foldIdle(now);
    return this.#size < maxSeries;
  }

  /** Adds what was idle for long to the overflow series of its metric. */
  #foldIdle(now: number): void {
    const { idleMs } = this.#settings;
    for (const metric of this.#metrics.values()) {
      if (metric.type === 'gauge') continue;
      for (const [name, series] of metric.series) {
        if (series.time >= now - idleMs) continue;
        metric.overflow ??= new Series(metric.type, OVERFLOW, series.start);
        if (!metric.overflow.fold(series)) this.refused += 1;
        this.#remove(metric.series, name);
        this.folded += 1;
      }
    }
  }

  #remove(series: Map<string, Series>, name: string): void {
    series.delete(name);
    this.#size -= 1;
  }
}

function startOf({ start = Infinity, time }: MetricRecord, now: number): number {
  return Math.min(start, time, now);
}
