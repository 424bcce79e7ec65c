import { DROPPED, formatEnd, formatHead, formatSeries, formatStart, START_TEXT } from '../record.js';

/**
 * Counts what one writer could not store, by reason, until the count itself is stored.
 */
export class Drops {
  readonly #head: string;
  readonly #writer: string;
  readonly #totals = new Map<string, number>();
  readonly #pending = new Map<string, number>();
  #since: string;

  /**
   * Starts counting.
   *
   * @param agent - Who it is counted for, in stored form.
   * @param writer - Identity of this writer.
   * @param timestamp - Now.
   */
  constructor(agent: string, writer: string, timestamp: string) {
    this.#head = formatHead(agent, DROPPED);
    this.#writer = writer;
    this.#since = timestamp;
  }

  /** Whether there is anything that no shard knows of yet. */
  get pending(): boolean {
    return this.#pending.size > 0;
  }

  /** Counts records that are lost. */
  count(reason: string, records = 1): void {
    this.#totals.set(reason, (this.#totals.get(reason) ?? 0) + records);
    this.#pending.set(reason, (this.#pending.get(reason) ?? 0) + records);
  }

  /** All that was ever counted. */
  totals(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#totals);
  }

  /**
   * Stores what is pending as counter records, and forgets it once it is stored.
   *
   * @param timestamp - Now.
   * @param append - Appends one line; says whether it was stored.
   */
  store(timestamp: string, append: (line: string) => boolean): void {
    for (const [reason, records] of this.#pending) {
      const line =
        START_TEXT +
        timestamp +
        this.#head +
        records +
        formatSeries('{record}', 'counter', { reason }) +
        formatStart(this.#since < timestamp ? this.#since : timestamp) +
        formatEnd(undefined, this.#writer);
      if (!append(line)) return;
      this.#pending.delete(reason);
    }
    this.#since = timestamp;
  }
}
