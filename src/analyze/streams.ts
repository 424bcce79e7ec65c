import { formatAttributes } from '../attributes.js';
import type { MetricRecord } from '../record.js';

/**
 * What the cumulative points of one metric mean within a window of time.
 *
 * @remarks
 * A stream is one series of one writer since one start, so that a restarted process is another stream and never looks
 * like a fall; see https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps.
 */
export class Streams {
  readonly #since: number;
  readonly #points = new Map<string, MetricRecord>();

  /**
   * Starts without a point.
   *
   * @param since - Unix milliseconds of the window's begin; -Infinity where it has none.
   */
  constructor(since: number) {
    this.#since = since;
  }

  /**
   * Takes the next point of a stream.
   *
   * @returns The point before it, to take the difference to; `'whole'` where all that it has counted belongs to the
   * window; `'baseline'` where nobody knows how much of it does, so that only later points count.
   */
  advance(record: MetricRecord): MetricRecord | 'whole' | 'baseline' {
    const stream = `${seriesOf(record)}${record.start}`;
    const before = this.#points.get(stream);
    this.#points.set(stream, record);
    if (before !== undefined) return before;
    return (record.start ?? -Infinity) >= this.#since ? 'whole' : 'baseline';
  }
}

/** Text that two records share exactly where they are of one series of one writer; type, metric and unit aside. */
export function seriesOf(record: MetricRecord): string {
  const { writer, scope, agent, attributes } = record;
  return (
    JSON.stringify([writer, scope, agent]) + (attributes === undefined ? '' : formatAttributes(attributes))
  );
}
