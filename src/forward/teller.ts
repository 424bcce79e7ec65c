import type { MetricRecord } from '../record.js';
import type { CumulativeState, Metric } from '../otel/cumulative.js';
import type { Series } from '../otel/cumulative-series.js';
import type { Numbers } from '../otel/cumulative-total.js';
import { hostGauges } from './host-gauges.js';
import type { Point } from './point.js';
import type { ForwarderGaugeRule } from './options.js';

/** How a state is told. */
export interface TellerSettings {
  readonly temporality: 'delta' | 'cumulative';
  readonly perAgent: boolean;
  readonly gauges: ReadonlyMap<string, ForwarderGaugeRule>;
  /** One point a stored gauge, in place of the last one of each interval. */
  readonly raw: boolean;
  readonly gaugeMaxAgeMs: number;
  /** After so long a total that did not change is told again. */
  readonly resendMs: number;
}

/** What was told of a series last. */
interface Told {
  at: number;
  value: number;
}

/** What is to be told. */
export interface Telling {
  /** Points that no kept series has just so. */
  readonly loose: readonly Point[];
  /** What kept series are now, by series, in the order of the state: their line in the state file says both. */
  readonly kept: ReadonlyMap<Series, Point>;
}

/** Makes points of what records add up to. */
export class Teller {
  readonly #state: CumulativeState;
  readonly #settings: TellerSettings;
  readonly #told = new WeakMap<Series, Told>();
  #raw: Point[] = [];

  constructor(state: CumulativeState, settings: TellerSettings) {
    this.#state = state;
    this.#settings = settings;
  }

  /** Raw points that wait to be told. */
  get waiting(): number {
    return this.#raw.length;
  }

  /** Takes a stored gauge as a point of its own, unless one as young was taken of its series: false then. */
  addRaw(record: MetricRecord, now: number): boolean {
    const metric = this.#state.metricOf(record, now);
    if (metric === undefined) return false;
    const series = this.#state.seriesOf(metric, record, now);
    const last = this.#told.get(series)?.at ?? -Infinity;
    const time = Math.min(record.time, now);
    if (time <= last) return false;
    this.#told.set(series, { at: time, value: record.value });
    series.set(record.value, time, now);
    series.changed = false;
    this.#raw.push(pointOf(metric, series, { value: record.value }, time, undefined));
    return true;
  }

  /** Takes the raw points that wait. */
  takeRaw(): Telling {
    const loose = this.#raw;
    this.#raw = [];
    return { loose, kept: new Map() };
  }

  /** Says when a series that was loaded was told last. */
  restore(series: Series, at: number): void {
    this.#told.set(series, { at, value: NaN });
  }

  /** What all series are, in the order in which they came up, each as of its last record. */
  known(): Point[] {
    return [...this.#state.metrics()].flatMap((metric) =>
      Array.from(seriesOf(metric), (series) => {
        const { value, time, total } = series;
        const numbers = total === undefined ? { value } : series.numbers(-Infinity);
        return pointOf(metric, series, numbers, time, undefined);
      }),
    );
  }

  /**
   * Takes what is to be told at the end of an interval.
   *
   * @param time - Its end, in Unix milliseconds.
   * @param start - Its beginning.
   */
  take(time: number, start: number): Telling {
    const loose = [...this.takeRaw().loose];
    const kept = new Map<Series, Point>();
    this.#state.expire(time);
    for (const metric of this.#state.metrics()) {
      if (metric.type === 'gauge') this.#gauges(metric, time, loose, kept);
      else if (metric.type === 'updowncounter') this.#balances(metric, time, loose);
      else if (this.#settings.temporality === 'cumulative') this.#totals(metric, time, kept);
      else this.#deltas(metric, time, start, loose);
    }
    if (this.#settings.temporality === 'delta') this.#state.clearTotals();
    return { loose, kept };
  }

  #gauges(metric: Metric, time: number, loose: Point[], kept: Map<Series, Point>): void {
    const { perAgent, gauges, gaugeMaxAgeMs } = this.#settings;
    if (!perAgent) {
      const rule = gauges.get(metric.name) ?? gauges.get('*') ?? 'mean';
      for (const point of hostGauges(metric, rule, time, time - gaugeMaxAgeMs)) loose.push(point);
      return;
    }
    for (const series of seriesOf(metric)) {
      if (!series.changed) continue;
      series.changed = false;
      kept.set(series, pointOf(metric, series, { value: series.value }, time, undefined));
    }
  }

  #balances(metric: Metric, time: number, loose: Point[]): void {
    for (const series of seriesOf(metric)) {
      // it also changes where a writer is heard of no more
      const numbers = series.numbers(time - this.#settings.gaugeMaxAgeMs);
      const differs = series.changed || numbers.value !== this.#told.get(series)?.value;
      if (!differs && !this.#isDue(series, time)) continue;
      this.#tell(series, numbers, time);
      loose.push(totalOf(metric, series, numbers, time));
    }
  }

  #totals(metric: Metric, time: number, kept: Map<Series, Point>): void {
    for (const series of seriesOf(metric)) {
      if (!series.changed && !this.#isDue(series, time)) continue;
      const numbers = series.total!.numbers();
      this.#tell(series, numbers, time);
      kept.set(series, totalOf(metric, series, numbers, time));
    }
  }

  #deltas(metric: Metric, time: number, start: number, loose: Point[]): void {
    for (const series of seriesOf(metric)) {
      const numbers = series.total!.numbers();
      if ((numbers.count ?? numbers.value) === 0) continue;
      loose.push(pointOf(metric, series, numbers, time, start));
    }
  }

  #isDue(series: Series, time: number): boolean {
    return time - (this.#told.get(series)?.at ?? -Infinity) >= this.#settings.resendMs;
  }

  #tell(series: Series, { value }: Numbers, at: number): void {
    series.changed = false;
    this.#told.set(series, { at, value });
  }
}

/** All series of a metric, the one for all others last. */
export function seriesOf({ series, overflow }: Metric): Iterable<Series> {
  return overflow === undefined ? series.values() : [...series.values(), overflow];
}

/** A total as it is told. */
function totalOf(metric: Metric, series: Series, numbers: Numbers, time: number): Point {
  return pointOf(metric, series, numbers, time, Math.min(series.start, time), 'cumulative');
}

/** One value of a series. */
export function pointOf(
  { name, type, unit }: Metric,
  { identity: { agent, scope, attributes } }: Pick<Series, 'identity'>,
  numbers: Numbers,
  time: number,
  start: number | undefined,
  temporality?: 'cumulative',
): Point {
  const { value } = numbers;
  const unitText = unit === '' ? undefined : unit;
  // written out: spreading takes longer than all else that is done for a point
  const point = {
    time,
    agent,
    metric: name,
    type,
    unit: unitText,
    attributes,
    scope,
    value,
    start,
    temporality,
  };
  return numbers.count === undefined ? point : { ...point, ...numbers };
}
