import type { MetricRecord } from '../record.js';
import { seriesOf } from './streams.js';

interface Known {
  readonly record: MetricRecord;
  /** Unix milliseconds when it came. */
  readonly seen: number;
}

/**
 * The last point of each cumulative stream: what the next one is compared with, however long it takes to come.
 *
 * @remarks
 * A stream is one series of one writer since one start, as in {@link Streams}. It is remembered beyond the window, so
 * that a gap in which nothing was counted is no reset, and forgotten after `idleMs`, or when there are too many, the one
 * that was idle for longest first.
 */
export class WindowStreams {
  readonly #most: number;
  readonly #idleMs: number;
  // The one that was idle for longest comes first.
  readonly #known = new Map<string, Known>();
  #earliest = Infinity;
  #forgotten = -Infinity;

  constructor(most: number, idleMs: number) {
    this.#most = most;
    this.#idleMs = idleMs;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Takes note of the time of any record: from then on all was seen. */
  see(time: number): void {
    if (time < this.#earliest) this.#earliest = time;
  }

  /**
   * Takes the next point of a stream.
   *
   * @returns The point before it; `'whole'` where it is the first one and its writer started when all was seen, so that
   * it counted from nothing; `'baseline'` where nobody knows how much of it is new.
   */
  advance(record: MetricRecord, now: number): MetricRecord | 'whole' | 'baseline' {
    const { metric, type, unit = '', start = -Infinity } = record;
    const stream = `${metric} ${type} ${JSON.stringify(unit)}${seriesOf(record)}${start}`;
    const before = this.#known.get(stream);
    this.#known.delete(stream);
    this.#known.set(stream, { record, seen: now });
    if (this.#known.size > this.#most) this.#forgetFirst();
    if (before !== undefined) return before.record;
    // Whoever started before one that was forgotten may be that one.
    return start >= this.#earliest && start > this.#forgotten ? 'whole' : 'baseline';
  }

  /** Forgets those that were idle for too long. */
  sweep(now: number): void {
    for (const { seen } of this.#known.values()) {
      if (now - seen <= this.#idleMs) return;
      this.#forgetFirst();
    }
  }

  #forgetFirst(): void {
    for (const [stream, { record }] of this.#known) {
      this.#known.delete(stream);
      this.#forgotten = Math.max(this.#forgotten, record.time);
      return;
    }
  }
}
