import type { RecordSeries, RecordSink } from '../points.js';
import type { MetricRecord } from '../record.js';

/** Points that there is room for at first, in lines of 128 bytes those of a mebibyte. */
const FIRST_CAPACITY = 8192;

/** Records as columns of numbers, which go from one thread to another without being copied. */
export interface RecordColumns {
  /** Points: records that are a time and a value of a series. */
  readonly points: number;
  /** Of each point the number of its series. */
  readonly series: Int32Array;
  /** Of each its time, in Unix milliseconds. */
  readonly times: Float64Array;
  /** Of each its value. */
  readonly values: Float64Array;
  /** Records of another form, each with the number of points before it. */
  readonly others: readonly (readonly [before: number, record: MetricRecord])[];
}

/** A sink that puts points into columns, with numbers for series. */
export class ColumnSink implements RecordSink {
  readonly #numberOf: (series: RecordSeries) => number;
  readonly #others: [before: number, record: MetricRecord][] = [];
  #series = new Int32Array(FIRST_CAPACITY);
  #times = new Float64Array(FIRST_CAPACITY);
  #values = new Float64Array(FIRST_CAPACITY);
  #points = 0;

  /**
   * Starts empty.
   *
   * @param numberOf - Gives a series its number.
   */
  constructor(numberOf: (series: RecordSeries) => number) {
    this.#numberOf = numberOf;
  }

  point(series: RecordSeries, time: number, value: number): void {
    const at = this.#points;
    if (at === this.#times.length) this.#grow();
    this.#series[at] = this.#numberOf(series);
    this.#times[at] = time;
    this.#values[at] = value;
    this.#points = at + 1;
  }

  add(record: MetricRecord): void {
    this.#others.push([this.#points, record]);
  }

  /** What it took. */
  get columns(): RecordColumns {
    const [points, others] = [this.#points, this.#others];
    return { points, series: this.#series, times: this.#times, values: this.#values, others };
  }

  #grow(): void {
    const length = this.#points * 2;
    const [series, times, values] = [
      new Int32Array(length),
      new Float64Array(length),
      new Float64Array(length),
    ];
    series.set(this.#series);
    times.set(this.#times);
    values.set(this.#values);
    [this.#series, this.#times, this.#values] = [series, times, values];
  }
}

/**
 * Hands records over to a sink, in the order in which they came.
 *
 * @param all - The series, by number.
 */
export function feedColumns(columns: RecordColumns, all: readonly RecordSeries[], sink: RecordSink): void {
  const { points, series, times, values, others } = columns;
  let at = 0;
  for (const [before, record] of others) {
    for (; at < before; at += 1) sink.point(all[series[at]!]!, times[at]!, values[at]!);
    sink.add(record);
  }
  for (; at < points; at += 1) sink.point(all[series[at]!]!, times[at]!, values[at]!);
}
