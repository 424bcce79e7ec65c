import type { MetricRecord } from '../record.js';
import { ExplicitHistogram } from './explicit-histogram.js';
import { ExponentialHistogram } from './exponential-histogram.js';
import { Seconds } from './window-seconds.js';
import { type Labels, Series, type View } from './window-series.js';
import { Tally } from './window-tally.js';

type Histogram = ExplicitHistogram | ExponentialHistogram;

/** What the points of one second add up to. Of the tally only records and ends are used. */
interface HistogramCell {
  readonly tally: Tally;
  readonly histogram: Histogram;
}

/** The points of a histogram, merged by second. */
export class HistogramSeries extends Series {
  readonly #seconds = new Seconds<HistogramCell>();

  /** Adds a point: all of it, what it has more than the one before it, or nothing but its mean. */
  add(record: MetricRecord, before: MetricRecord | 'whole' | 'baseline'): void {
    const { time, value } = record;
    if (time > this.latest) this.latest = time;
    const cell = this.#seconds.cell(time, () => newCell(this.labels));
    cell.tally.add(time, NaN, Number.isNaN(value) ? NaN : value);
    if (before !== 'baseline') include(cell.histogram, record, before === 'whole' ? undefined : before);
  }

  advance(view: View): number {
    return this.#seconds.advance(view);
  }

  dropBefore(time: number): void {
    this.#seconds.dropBefore(time);
  }

  dropFrom(time: number): void {
    this.#seconds.dropFrom(time);
    this.latest = Math.min(this.latest, time);
  }

  /** Histograms are merged anew, which takes much longer than to fetch them. */
  read(): number {
    return 0;
  }

  /** Adds what is in a range of time to a cell. */
  mergeInto(cell: HistogramCell, { since, until }: View): void {
    for (const { cell: mine } of this.#seconds.range(since, until)) {
      cell.tally.merge(mine.tally);
      mergeHistogram(cell.histogram, mine.histogram);
    }
  }
}

/** An empty cell for histograms of a kind. */
export function newCell({ type }: Labels): HistogramCell {
  const histogram = type === 'histogram' ? new ExplicitHistogram() : new ExponentialHistogram();
  return { tally: new Tally(), histogram };
}

function include(histogram: Histogram, record: MetricRecord, before: MetricRecord | undefined): void {
  histogram.include(record, before);
}

function mergeHistogram(into: Histogram, other: Histogram): void {
  if (into instanceof ExplicitHistogram && other instanceof ExplicitHistogram) into.merge(other);
  else if (into instanceof ExponentialHistogram && other instanceof ExponentialHistogram) into.merge(other);
}
