import type { MetricRecord } from '../record.js';

/**
 * The last point of each cumulative stream: of one series of one writer since one start.
 *
 * @remarks
 * A writer that restarts has another start, and so is another stream that begins at zero, never a fall; one that is
 * silent for long goes on where it was. See https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps
 *
 * Streams are bounded, and those that were silent longest are forgotten first. All that a forgotten one counted is in
 * the total already, so that it must not be taken for a new one when it comes back: of a stream that began before the
 * last record of a forgotten one, only what comes after its next point counts.
 */
export class WriterStreams {
  readonly #max: number;
  readonly #points = new Map<string, MetricRecord>();
  #forgottenUntil = -Infinity;

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes the next point of a stream.
   *
   * @param series - Text that names the series, its agent aside.
   * @returns The point before it, to take the difference to; `'whole'` where all that it has counted is new;
   * `'baseline'` where nobody knows how much of it is.
   */
  advance(series: string, record: MetricRecord): MetricRecord | 'whole' | 'baseline' {
    const { agent, writer = '', start } = record;
    const key = `${series}\n${agent}\n${writer}\n${start ?? ''}`;
    const before = this.#points.get(key);
    // behind all others: those that come first are the ones that were silent longest
    if (before !== undefined) this.#points.delete(key);
    this.#points.set(key, record);
    if (this.#points.size > this.#max) this.#forget();
    return before ?? (start === undefined || start <= this.#forgottenUntil ? this.#unknown() : 'whole');
  }

  /** Puts back a stream that was saved. */
  restore(series: string, record: MetricRecord): void {
    this.advance(series, record);
  }

  /** The last points of all streams, those that were silent longest first. */
  points(): Iterable<MetricRecord> {
    return this.#points.values();
  }

  /** Unix milliseconds of the last record of a forgotten stream; -Infinity where none was forgotten. */
  get forgottenUntil(): number {
    return this.#forgottenUntil;
  }

  set forgottenUntil(time: number) {
    this.#forgottenUntil = Math.max(this.#forgottenUntil, time);
  }

  #unknown(): 'whole' | 'baseline' {
    return this.#forgottenUntil === -Infinity ? 'whole' : 'baseline';
  }

  #forget(): void {
    const [key, { time }] = this.#points.entries().next().value!;
    this.#points.delete(key);
    this.forgottenUntil = time;
  }
}
