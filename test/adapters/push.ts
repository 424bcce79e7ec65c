import { setTimeout as delay } from 'node:timers/promises';
import type { Backend } from '../../src/forward/backend.js';
import { createForwarder } from '../../src/forward/forwarder.js';
import type { AdapterSettings, ReceivedSeries, RunningAdapter } from './contract.js';

/** A receiver that outlives those who tell it. */
export interface PushReceiver {
  readonly backend: Backend;
  /** What it knows; of gauges those that it was told of since a time. */
  readonly known: (since: number) => readonly ReceivedSeries[];
}

/**
 * Gives the contract of adapters a forwarder, and one receiver for all that have the same state.
 *
 * @param receiver - Starts a receiver.
 */
export function pushAdapter(
  receiver: () => Promise<PushReceiver>,
): (settings: AdapterSettings) => Promise<RunningAdapter> {
  const receivers = new Map<string, Promise<PushReceiver>>();
  return async ({ directory, stateFile, gaugeMaxAgeMs }) => {
    const started = receivers.get(stateFile) ?? receiver();
    receivers.set(stateFile, started);
    const { backend, known } = await started;
    const forwarder = createForwarder({
      ...{ backend, directory, gaugeMaxAgeMs, state: `${stateFile}.d`, host: 'host-a', maxBackoffMs: 50 },
    });
    let closed: Promise<void> | undefined;
    return {
      deliver: async () => {
        // what was told of a time cannot be told of it again
        await delay(2);
        await forwarder.once();
        return known(Date.now() - gaugeMaxAgeMs);
      },
      close: () => (closed ??= forwarder.once().then(() => forwarder.close())),
    };
  };
}

/** Totals of what was told, as a backend that keeps series makes them. */
export class Ledger {
  readonly #series = new Map<string, { series: ReceivedSeries; at: number; gauge: boolean }>();

  /** Adds what was told of a series: to what is known of it, or in place of it. */
  add(told: ReceivedSeries, how: 'add' | 'replace', gauge: boolean): void {
    const { metric, agent, labels } = told;
    const key = JSON.stringify([metric, agent, Object.entries(labels).sort()]);
    const before = this.#series.get(key)?.series;
    const series =
      how === 'replace' || before === undefined
        ? told
        : { ...told, value: before.value + told.value, sum: plus(before.sum, told.sum) };
    this.#series.set(key, { series, gauge, at: Date.now() });
  }

  /** What is known; gauges that were not told of since then are gone. */
  known(since: number): ReceivedSeries[] {
    return [...this.#series.values()]
      .filter(({ gauge, at }) => !gauge || at >= since)
      .map(({ series }) => series);
  }
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}
