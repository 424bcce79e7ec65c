import { createEmitter } from '../../store/emitter.js';
import type { SupervisorStatus } from './supervisor.js';

/** Who the supervisor is among the agents. */
const AGENT = 'cfn-up';
const EVERY_MS = 30_000;

/** Stores how the companions are as metrics, so that rules can watch those that run. */
export class SelfMetrics {
  readonly #emitter;
  readonly #timer: NodeJS.Timeout;
  readonly #read: () => SupervisorStatus;
  readonly #told = new Map<string, number>();

  /**
   * Stores them every half minute.
   *
   * @param directory - Where the shards are, where somebody named it.
   */
  constructor(directory: string | undefined, read: () => SupervisorStatus) {
    this.#emitter = createEmitter({ agent: AGENT, directory });
    this.#read = read;
    this.#timer = setInterval(() => this.tell(), EVERY_MS).unref();
  }

  /** Stores them. */
  tell(): void {
    for (const [companion, { ready, restarts, rssBytes }] of Object.entries(this.#read().companions)) {
      const attributes = { companion };
      this.#emitter.emit('cfn.up.ready', ready ? 1 : 0, { attributes });
      if (rssBytes !== null) this.#emitter.emit('cfn.up.memory', rssBytes, { unit: 'By', attributes });
      const more = restarts - (this.#told.get(companion) ?? 0);
      this.#told.set(companion, restarts);
      if (more > 0) {
        this.#emitter.emit('cfn.up.restarts', more, { unit: '{restart}', type: 'counter', attributes });
      }
    }
  }

  /** Closes the shards. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#emitter.close();
  }
}
