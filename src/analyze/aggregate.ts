import type { MetricRecord, RecordType } from '../record.js';
import { ExplicitHistogram } from './explicit-histogram.js';
import { ExponentialHistogram } from './exponential-histogram.js';
import { quantile } from './quantile.js';
import type { Statistics } from './statistics.js';
import { seriesOf, Streams } from './streams.js';
import { meanOf, Sum, sumOf, Values } from './values.js';

/** What a group of records of one type adds up to. */
export interface Aggregate {
  /** Takes one more record of the group's type. */
  add(record: MetricRecord): void;
  /** The statistics of all that was added so far. */
  statistics(): Statistics;
}

/**
 * Makes the aggregate for records of one type.
 *
 * @param type - The type of all records that will be added.
 * @param since - Unix milliseconds of the window's begin, -Infinity where it has none.
 */
export function createAggregate(type: RecordType, since: number): Aggregate {
  switch (type) {
    case 'gauge':
      return new GaugeAggregate();
    case 'counter':
      return new CounterAggregate(since);
    case 'updowncounter':
      return new UpDownCounterAggregate();
    case 'histogram':
      return new ExplicitHistogram(since);
    case 'exponential_histogram':
      return new ExponentialHistogram(since);
  }
}

/** Numbers with those that are none counted apart. */
class Measured {
  readonly #values = new Values();
  #nan = 0;

  push(value: number): void {
    if (!Number.isNaN(value)) this.#values.push(value);
    else this.#nan += 1;
  }

  /** Statistics of the numbers, with another sum than theirs where that says more. */
  statistics(sum?: number): Statistics {
    const sorted = this.#values.sorted();
    const count = sorted.length;
    const total = sumOf(sorted);
    const empty = count === 0;
    return {
      count,
      sum: sum ?? total,
      avg: empty ? null : meanOf(sorted, total),
      min: empty ? null : sorted[0]!,
      max: empty ? null : sorted[count - 1]!,
      p50: empty ? null : quantile(sorted, 0.5),
      p95: empty ? null : quantile(sorted, 0.95),
      p99: empty ? null : quantile(sorted, 0.99),
      exact: true,
      nan: this.#nan,
    };
  }
}

/** Every point counts. */
class GaugeAggregate implements Aggregate {
  readonly #measured = new Measured();

  add(record: MetricRecord): void {
    this.#measured.push(record.value);
  }

  statistics(): Statistics {
    return this.#measured.statistics();
  }
}

/** Increments count: a delta as it is, a cumulative point by how far it has risen. */
class CounterAggregate implements Aggregate {
  readonly #measured = new Measured();
  readonly #streams: Streams;

  constructor(since: number) {
    this.#streams = new Streams(since);
  }

  add(record: MetricRecord): void {
    const { value } = record;
    // A cumulative NaN must not become what the next point is compared with.
    if (record.temporality === undefined || Number.isNaN(value)) {
      this.#measured.push(value);
      return;
    }
    const before = this.#streams.advance(record);
    if (before === 'whole') this.#measured.push(value);
    // A fall without a new start breaks the rules of a counter; what was lost is unknown, so counting starts anew.
    else if (before !== 'baseline' && value >= before.value) {
      this.#measured.push(value === before.value ? 0 : value - before.value);
    }
  }

  statistics(): Statistics {
    return this.#measured.statistics();
  }
}

/** Points count as they are; the sum is what deltas add up to, and the last value of each cumulative series. */
class UpDownCounterAggregate implements Aggregate {
  readonly #measured = new Measured();
  readonly #deltas = new Sum();
  readonly #last = new Map<string, MetricRecord>();

  add(record: MetricRecord): void {
    this.#measured.push(record.value);
    if (Number.isNaN(record.value)) return;
    if (record.temporality === undefined) {
      this.#deltas.add(record.value);
      return;
    }
    // Not by start: when a writer starts a series anew, its older value no longer holds.
    const series = seriesOf(record);
    const last = this.#last.get(series);
    if (last === undefined || record.time >= last.time) this.#last.set(series, record);
  }

  statistics(): Statistics {
    const terms = [this.#deltas.total, ...Array.from(this.#last.values(), (record) => record.value)];
    return this.#measured.statistics(sumOf(terms));
  }
}
