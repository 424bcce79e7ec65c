import type { MetricRecord, RecordType } from '../record.js';
import { ExplicitHistogram } from './explicit-histogram.js';
import { ExponentialHistogram } from './exponential-histogram.js';
import { HistogramAggregate } from './histogram-aggregate.js';
import { Measured } from './measured.js';
import type { Memory } from './memory.js';
import type { Statistics } from './statistics.js';
import { seriesOf, type Streams } from './streams.js';
import { Sum } from './sums.js';

/** What statistics are asked for. */
export interface Asked {
  /** Length of the window; null where it has none. */
  readonly seconds: number | null;
  /** Quantiles beside those that every group has. */
  readonly quantiles: readonly number[];
}

/** What a group of records of one type adds up to. */
export interface Aggregate {
  /** Takes one more record of the group's type. */
  add(record: MetricRecord): void;
  /** Takes one more, of which there is but time and value: no histogram, and not cumulative. */
  point(time: number, value: number): void;
  /** The statistics of all that was added so far. */
  statistics(asked: Asked): Statistics;
}

/**
 * Makes the aggregate for records of one type.
 *
 * @param type - The type of all records that will be added.
 * @param streams - What cumulative points mean; may be shared by groups of one metric that have no record in common.
 * @param memory - What the raw values of all groups may take.
 */
export function createAggregate(type: RecordType, streams: Streams, memory: Memory): Aggregate {
  switch (type) {
    case 'gauge':
      return new GaugeAggregate(memory);
    case 'counter':
      return new CounterAggregate(streams, memory);
    case 'updowncounter':
      return new UpDownCounterAggregate(memory);
    case 'histogram':
      return new HistogramAggregate(new ExplicitHistogram(), streams);
    case 'exponential_histogram':
      return new HistogramAggregate(new ExponentialHistogram(), streams);
  }
}

/** Every point counts. */
class GaugeAggregate implements Aggregate {
  readonly #measured: Measured;

  constructor(memory: Memory) {
    this.#measured = new Measured(memory);
  }

  add({ time, value }: MetricRecord): void {
    this.point(time, value);
  }

  point(time: number, value: number): void {
    this.#measured.see(time, value);
    this.#measured.push(value);
  }

  statistics(asked: Asked): Statistics {
    return this.#measured.statistics(asked, { rate: null, delta: this.#measured.moved });
  }
}

/** Increments count: a delta as it is, a cumulative point by how far it has risen. */
class CounterAggregate implements Aggregate {
  readonly #measured: Measured;
  readonly #streams: Streams;

  constructor(streams: Streams, memory: Memory) {
    this.#measured = new Measured(memory);
    this.#streams = streams;
  }

  add(record: MetricRecord): void {
    const { time, value } = record;
    // A cumulative NaN must not become what the next point is compared with.
    if (record.temporality === undefined || Number.isNaN(value)) {
      this.point(time, value);
      return;
    }
    this.#measured.see(time, value);
    const before = this.#streams.advance(record);
    if (before === 'whole') this.#measured.push(value);
    // A fall without a new start breaks the rules of a counter; what was lost is unknown, so counting starts anew.
    else if (before !== 'baseline' && value >= before.value) {
      this.#measured.push(value === before.value ? 0 : value - before.value);
    }
  }

  point(time: number, value: number): void {
    this.#measured.see(time, value);
    this.#measured.push(value);
  }

  statistics(asked: Asked): Statistics {
    const { sum } = this.#measured;
    return this.#measured.statistics(asked, {
      rate: asked.seconds === null ? null : sum / asked.seconds,
      delta: sum,
    });
  }
}

/** Points count as they are; the sum is what deltas add up to, and the last value of each cumulative series. */
class UpDownCounterAggregate implements Aggregate {
  readonly #measured: Measured;
  readonly #deltas = new Sum();
  readonly #levels = new Map<string, { first: MetricRecord; last: MetricRecord }>();

  constructor(memory: Memory) {
    this.#measured = new Measured(memory);
  }

  add(record: MetricRecord): void {
    const { time, value } = record;
    if (record.temporality === undefined || Number.isNaN(value)) {
      this.point(time, value);
      return;
    }
    this.#measured.see(time, value);
    this.#measured.push(value);
    // Not by start: when a writer starts a series anew, its older value no longer holds.
    const series = seriesOf(record);
    const level = this.#levels.get(series);
    if (level === undefined) this.#levels.set(series, { first: record, last: record });
    else if (time >= level.last.time) level.last = record;
    else if (time < level.first.time) level.first = record;
  }

  point(time: number, value: number): void {
    this.#measured.see(time, value);
    this.#measured.push(value);
    if (!Number.isNaN(value)) this.#deltas.add(value);
  }

  statistics(asked: Asked): Statistics {
    const sum = new Sum();
    const delta = new Sum();
    sum.add(this.#deltas.total);
    delta.add(this.#deltas.total);
    for (const { first, last } of this.#levels.values()) {
      sum.add(last.value);
      delta.add(last.value - first.value);
    }
    return this.#measured.statistics(asked, { sum: sum.total, rate: null, delta: delta.total });
  }
}
