import { createEmitter } from '../store/emitter.js';
import type { ArchiverStatus } from './status.js';

/** How often the archiver says in the shards how it is. */
const INTERVAL_MS = 30_000;
/** Who the archiver is among the agents. */
const AGENT = 'cfn-archiver';

/** Stores how the archiver is as metrics, so that rules can watch it. */
export class SelfMetrics {
  readonly #emitter;
  readonly #startedAt = performance.now();
  #nextAt = 0;
  #told = { errors: 0, bytes: 0 };

  /** @param directory - Where the shards are, where somebody named it. */
  constructor(directory: string | undefined) {
    this.#emitter = createEmitter({ agent: AGENT, directory });
  }

  /** Stores them, where it is time. */
  tell(readStatus: () => ArchiverStatus): void {
    const now = performance.now();
    if (now < this.#nextAt) return;
    this.#nextAt = now + INTERVAL_MS;
    const status = readStatus();
    this.#gauge('lag_seconds', status.lagSeconds ?? (now - this.#startedAt) / 1000, 's');
    this.#gauge('archive_bytes', status.archiveBytes, 'By');
    this.#gauge('free_bytes', status.freeBytes, 'By');
    this.#gauge('hot_bytes', status.hotBytes, 'By');
    this.#count('errors', status.errors - this.#told.errors, '{error}');
    this.#count('bytes', status.syncedBytes - this.#told.bytes, 'By');
    this.#told = { errors: status.errors, bytes: status.syncedBytes };
  }

  /** Closes the shards. */
  async close(): Promise<void> {
    await this.#emitter.close();
  }

  #gauge(name: string, value: number | null, unit: string): void {
    if (value !== null) this.#emitter.emit(`cfn.archive.${name}`, value, { unit });
  }

  #count(name: string, value: number, unit: string): void {
    if (value > 0) this.#emitter.emit(`cfn.archive.${name}`, value, { unit, type: 'counter' });
  }
}
