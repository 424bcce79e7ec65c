import type { ForwardEvent } from '../../forward/events.js';
import type { Forwarder } from '../../forward/forwarder.js';
import type { OwnReport } from '../up/report.js';

/** Which backends take nothing now, and why, for who supervises this process. */
export class Troubles {
  readonly #reasons = new Map<string, string>();

  /** Hears what forwarders tell. */
  hear(event: ForwardEvent): void {
    if (event.type === 'retry') this.#reasons.set(event.backend, event.reason);
    else if (event.type === 'forwarded' || event.type === 'refused') this.#reasons.delete(event.backend);
  }

  /** How all forwarders are; those that wait for their backend are not ready. */
  report(forwarders: readonly Forwarder[]): OwnReport {
    const lags = forwarders.map(({ stats: { lagMs } }) => lagMs);
    const reasons = [...this.#reasons].map(([backend, reason]) => `${backend}: ${reason}`);
    return {
      ready: reasons.length === 0,
      lagMs: lags.includes(null) ? null : Math.max(...(lags as number[])),
      error: reasons.length === 0 ? null : reasons.join('; '),
    };
  }
}
