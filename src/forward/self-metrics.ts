import { createEmitter } from '../store/emitter.js';
import type { ForwarderStats } from './events.js';

/** Who a forwarder is among the agents. */
export const FORWARDER_AGENT = 'cfn-forwarder';

/** Stores how a forwarder is as metrics, so that rules can watch it. */
export class SelfMetrics {
  readonly #emitter;
  readonly #attributes: { readonly backend: string };
  #told: Record<string, number> = {};

  /** @param directory - Where the shards are, where somebody named it. */
  constructor(directory: string | undefined, name: string) {
    this.#emitter = createEmitter({ agent: FORWARDER_AGENT, directory });
    this.#attributes = { backend: name };
  }

  /** Stores them. */
  tell(stats: ForwarderStats): void {
    if (stats.lagMs !== null) this.#gauge('lag_seconds', stats.lagMs / 1000, 's');
    this.#gauge('waiting', stats.waiting, '{point}');
    this.#gauge('series', stats.series, '{series}');
    this.#count('points', stats.points, '{point}');
    this.#count('requests', stats.requests, '{request}');
    this.#count('retries', stats.retries, '{request}');
    this.#count('dead_lettered', stats.deadLettered, '{point}');
    this.#count('partially_refused', stats.partiallyRefused, '{point}');
    this.#count('too_old', stats.tooOld, '{point}');
    this.#count('untold', stats.untold, '{point}');
    this.#count('lost_files', stats.lostFiles, '{file}');
  }

  /** Closes the shards. */
  async close(): Promise<void> {
    await this.#emitter.close();
  }

  #gauge(name: string, value: number, unit: string): void {
    this.#emitter.emit(`cfn.forward.${name}`, value, { unit, attributes: this.#attributes });
  }

  #count(name: string, total: number, unit: string): void {
    const more = total - (this.#told[name] ?? 0);
    this.#told[name] = total;
    if (more <= 0) return;
    const { attributes } = { attributes: this.#attributes };
    this.#emitter.emit(`cfn.forward.${name}`, more, { unit, type: 'counter', attributes });
  }
}
