import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from './options.js';
import type { Trouble } from './trouble.js';

/** What somebody may ask for between two looks. */
export type Requested = 'sync' | 'rotation';

/** When an archiver looks at what is due, and when it syncs. */
export class Schedule {
  readonly #settings: Pick<Settings, 'intervalMs' | 'tickMs'>;
  readonly #trouble: Trouble;
  #wake = new AbortController();
  #requested: Requested | undefined;
  /** When it last looked at what is due, as performance.now() counts. */
  lookedAt = performance.now();

  constructor(settings: Pick<Settings, 'intervalMs' | 'tickMs'>, trouble: Trouble) {
    this.#settings = settings;
    this.#trouble = trouble;
  }

  /** Looks at once, and does this. A rotation includes a sync. */
  request(what: Requested): void {
    if (this.#requested !== 'rotation') this.#requested = what;
    this.#wake.abort();
  }

  /** Looks again and again, until the signal. */
  async run(
    signal: AbortSignal,
    tick: (timeToSync: boolean, requested: Requested | undefined) => Promise<void>,
  ): Promise<void> {
    const { intervalMs, tickMs } = this.#settings;
    let syncAt = 0;
    const wakeUp = (): void => this.#wake.abort();
    signal.addEventListener('abort', wakeUp);
    try {
      while (!signal.aborted) {
        this.lookedAt = performance.now();
        const requested = this.#requested;
        this.#requested = undefined;
        const timeToSync = this.lookedAt >= syncAt || requested !== undefined;
        await tick(timeToSync, requested);
        if (timeToSync) {
          syncAt = Math.min(this.lookedAt + intervalMs, this.#trouble.retryAt('sync') ?? Infinity);
        }
        await this.#pause(Math.min(tickMs, syncAt - performance.now()), signal);
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    if (this.#requested !== undefined || signal.aborted) return;
    await delay(Math.max(0, ms), undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }
}
