import { type MetricRecord } from '../record.js';
import { valueOf } from './groups.js';
import type { QueryKey } from './query.js';
import { seriesOf } from './streams.js';
import { HistogramSeries } from './window-histograms.js';
import { NumberSeries } from './window-numbers.js';
import type { Labels } from './window-series.js';

/** Metrics that may have a series for what is beyond the limit: somebody may invent names of metrics, too. */
const MOST_OVERFLOWS = 1000;

/** Those before it are of series that are in no tree. */
export const FIRST_POSITION = 1;
/** So many gaps are not worth the while. */
const FEW = 64;

export type AnySeries = NumberSeries | HistogramSeries;

/** One step on the way to a series: metric, type, unit, each key, and for a level its writer. */
class Step {
  readonly next = new Map<string | undefined, Step>();
  series: AnySeries | undefined;
  overflow: AnySeries | undefined;

  to(value: string | undefined): Step {
    let step = this.next.get(value);
    if (step === undefined) {
      step = new Step();
      this.next.set(value, step);
    }
    return step;
  }
}

/** All series of a window. Finding that of a record formats and concatenates nothing. */
export class SeriesTree {
  readonly #keys: readonly QueryKey[];
  readonly #most: number;
  #root = new Step();
  #all: AnySeries[] = [];
  #overflows = 0;
  /** That of the next series: none is used twice, so that nobody takes what one left for that of another. */
  #positions = FIRST_POSITION;
  /** Changes when a series comes or goes, or has another position. */
  version = 0;

  /**
   * Starts without series.
   *
   * @param keys - What tells series apart, beside metric, type and unit.
   * @param most - How many there may be; what comes beyond that is one series a metric, type and unit.
   */
  constructor(keys: readonly QueryKey[], most: number) {
    this.#keys = keys;
    this.#most = most;
  }

  /** All series. */
  get all(): readonly AnySeries[] {
    return this.#all;
  }

  /** The series of a record; undefined where there are too many. */
  find(record: MetricRecord): AnySeries | undefined {
    const { metric, type = 'gauge', unit = '' } = record;
    const level = type === 'updowncounter' && record.temporality !== undefined;
    const metricStep = this.#root.next.get(metric);
    const kind = metricStep?.next.get(type)?.next.get(unit);
    let step = kind;
    for (let i = 0; step !== undefined && i < this.#keys.length; i += 1) {
      step = step.next.get(valueOf(record, this.#keys[i]!));
    }
    if (level) step = step?.next.get(seriesOf(record));
    return step?.series ?? this.#create(record, level);
  }

  /** Forgets all that has not been added to since a time. */
  forget(before: number): void {
    const kept = this.#all.filter(({ latest }) => latest >= before);
    if (kept.length === this.#all.length) return;
    this.#all = kept;
    this.#root = new Step();
    this.#overflows = 0;
    for (const series of kept) {
      const { metric, type, unit = '', values, overflow, writer } = series.labels;
      let step = this.#root.to(metric).to(type).to(unit);
      if (overflow) {
        step.overflow = series;
        this.#overflows += 1;
        continue;
      }
      for (const value of values) step = step.to(value);
      if (writer !== undefined) step = step.to(writer);
      step.series = series;
    }
    this.version += 1;
  }

  /** Whether more positions are those of series that went than of others. */
  get isSparse(): boolean {
    return this.#positions > 2 * this.#all.length + FEW;
  }

  /** Gives all series positions without gaps. */
  renumber(): void {
    this.#positions = FIRST_POSITION;
    for (const series of this.#all) series.moveTo(this.#positions++);
    this.version += 1;
  }

  #create(record: MetricRecord, level: boolean): AnySeries | undefined {
    const { metric, type = 'gauge', unit = '' } = record;
    const writer = level ? seriesOf(record) : undefined;
    const full = this.#all.length - this.#overflows >= this.#most;
    if (full && this.#overflows >= MOST_OVERFLOWS) {
      // An existing one still takes what belongs to it.
      return this.#root.next.get(metric)?.next.get(type)?.next.get(unit)?.overflow;
    }
    let step = this.#root.to(metric).to(type).to(unit);
    if (full && step.overflow !== undefined) return step.overflow;
    const values = full ? [] : this.#keys.map((key) => valueOf(record, key));
    const labels = {
      metric,
      type,
      unit: unit === '' ? undefined : unit,
      values,
      overflow: full,
      writer: full ? undefined : writer,
    };
    const series = make(labels, this.#positions++);
    this.#all.push(series);
    this.version += 1;
    if (full) {
      this.#overflows += 1;
      step.overflow = series;
      return series;
    }
    for (const value of values) step = step.to(value);
    if (writer !== undefined) step = step.to(writer);
    step.series = series;
    return series;
  }
}

function make(labels: Labels, position: number): AnySeries {
  const { type } = labels;
  return type === 'histogram' || type === 'exponential_histogram'
    ? new HistogramSeries(labels, position)
    : new NumberSeries(labels, position);
}
