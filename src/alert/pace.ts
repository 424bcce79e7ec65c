import { setTimeout as delay } from 'node:timers/promises';

/** New records are read this often, so that an evaluation finds little left to read. */
const FOLLOW_MS = 1000;

/** When to evaluate, and how late that is: at a steady pace, whatever the clock does. Waits in between. */
export class Pace {
  readonly #now: () => number;
  #dueAt = -Infinity;
  #lagMs = 0;
  #wake = new AbortController();

  /** @param now - The clock, in Unix milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How much later than it was due the last evaluation began, in milliseconds. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** Whether to evaluate now; if so, when to do so next is settled. */
  takeTurn(intervalMs: number): boolean {
    const now = this.#now();
    // A clock that was set back must not let everybody wait.
    this.#dueAt = Math.min(this.#dueAt, now + intervalMs);
    if (now < this.#dueAt) return false;
    const late = now - this.#dueAt;
    this.#lagMs = Number.isFinite(late) ? late : 0;
    // What was missed is not made up for by haste.
    this.#dueAt = late < intervalMs ? this.#dueAt + intervalMs : now + intervalMs;
    return true;
  }

  /** Evaluates at once, whatever was due. */
  hurry(): void {
    this.#dueAt = -Infinity;
    this.wake();
  }

  /** Ends waiting. */
  wake(): void {
    this.#wake.abort();
  }

  /** Waits until there is something to evaluate or to read, but not beyond a moment or a signal. */
  async wait(until: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    const ms = Math.min(FOLLOW_MS, Math.min(until, this.#dueAt) - this.#now());
    if (ms > 0 && !signal.aborted)
      await delay(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }
}
