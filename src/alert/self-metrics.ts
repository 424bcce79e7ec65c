import { createEmitter } from '../store/emitter.js';
import type { AlerterStatus } from './status.js';

/** Who the alerter is among the agents. */
const AGENT = 'cfn-alerter';

/** Stores how the alerter is as metrics, so that rules can watch it. */
export class SelfMetrics {
  readonly #emitter;
  #told: Record<string, number> = {};

  /** @param directory - Where the shards are, where somebody named it. */
  constructor(directory: string | undefined) {
    this.#emitter = createEmitter({ agent: AGENT, directory });
  }

  /** Stores them. */
  tell(status: AlerterStatus): void {
    const { counts } = status;
    this.#gauge('lag_seconds', status.lagMs / 1000, 's');
    this.#gauge('evaluation_ms', status.evaluationMs, 'ms');
    this.#gauge('firing', status.firing, '{alert}');
    this.#gauge('waiting', status.waiting, '{message}');
    this.#gauge('waiting_seconds', status.waitingMs / 1000, 's');
    this.#count('torn_lines', counts.tornLines, '{line}');
    this.#count('sent', counts.sent, '{message}');
    this.#count('failed', counts.failed, '{message}');
    this.#count('refused', counts.refused, '{message}');
    this.#count('overflow', counts.overflow, '{alert}');
  }

  /** Closes the shards. */
  async close(): Promise<void> {
    await this.#emitter.close();
  }

  #gauge(name: string, value: number, unit: string): void {
    this.#emitter.emit(`cfn.alert.${name}`, value, { unit });
  }

  #count(name: string, total: number, unit: string): void {
    const more = total - (this.#told[name] ?? 0);
    this.#told[name] = total;
    if (more > 0) this.#emitter.emit(`cfn.alert.${name}`, more, { unit, type: 'counter' });
  }
}
