import { describe, expect, it } from 'vitest';
import { createDatadogBackend } from '../../adapters/datadog/index.js';
import { createNewRelicBackend } from '../../adapters/newrelic/index.js';
import { createOtlpBackend } from '../../adapters/otlp/index.js';
import type { Backend } from '../../src/forward/backend.js';
import type { ForwardEvent } from '../../src/forward/events.js';
import { createForwarder } from '../../src/forward/forwarder.js';
import { createEmitter } from '../../src/store/emitter.js';
import { temporaryDirectory } from '../support/directory.js';
import { startDatadogReceiver } from './receivers/datadog.js';
import { startOtlpReceiver } from './receivers/otlp.js';
import type { Fault, Server } from './receivers/server.js';

const KEY = 's3cret-of-the-backend';
const AGENTS = 20;

interface Setup {
  readonly receiver: Server;
  readonly backend: Backend;
  /** What the receiver has of the counter, by agent. */
  readonly counted: () => Record<string, number>;
}

const setups: Readonly<Record<string, () => Promise<Setup>>> = {
  otlp: async () => {
    const receiver = await startOtlpReceiver({ headers: { authorization: `Bearer ${KEY}` } });
    const backend = await createOtlpBackend({ endpoint: receiver.url, token: KEY });
    const counted = (): Record<string, number> =>
      Object.fromEntries(
        receiver.points.map(({ resource, numbers }) => [resource['agent.id'], numbers['value']]),
      );
    return { receiver, backend, counted };
  },
  newrelic: async () => {
    const receiver = await startOtlpReceiver({ headers: { 'api-key': KEY }, deltasOnly: true });
    const backend = await createNewRelicBackend({ licenseKey: KEY, endpoint: receiver.url });
    const counted = (): Record<string, number> => {
      const sums: Record<string, number> = {};
      for (const { resource, numbers } of receiver.points) {
        const agent = String(resource['agent.id']);
        sums[agent] = (sums[agent] ?? 0) + Number(numbers['value']);
      }
      return sums;
    };
    return { receiver, backend, counted };
  },
  datadog: async () => {
    const receiver = await startDatadogReceiver({ apiKey: KEY });
    const backend = createDatadogBackend({ apiKey: KEY, endpoint: receiver.url });
    const counted = (): Record<string, number> =>
      Object.fromEntries(
        [...receiver.series.values()].map(({ tags, values }) => [
          tags.find((tag) => tag.startsWith('agent_id:'))!.slice('agent_id:'.length),
          [...values.values()].reduce((a, b) => a + b, 0),
        ]),
      );
    return { receiver, backend, counted };
  },
};

describe.each(Object.keys(setups))('%s', (name) => {
  async function run(faults: readonly Fault[]) {
    const { receiver, backend, counted } = await setups[name]!();
    const directory = temporaryDirectory();
    const events: ForwardEvent[] = [];
    const forwarder = createForwarder({
      ...{ backend, directory, state: temporaryDirectory(), maxBackoffMs: 20, timeoutMs: 2000 },
      onEvent: (event) => events.push(event),
    });
    for (let agent = 1; agent <= AGENTS; agent += 1) {
      const emitter = createEmitter({ agent, directory });
      emitter.emit('tasks', agent, { type: 'counter' });
      await emitter.close();
    }
    receiver.faults.push(...faults);
    const done = await forwarder.once();
    const { stats } = forwarder;
    await forwarder.close();
    expect(JSON.stringify(events)).not.toContain(KEY);
    return { done, stats, events, receiver, counted: counted() };
  }
  const all = Object.fromEntries(Array.from({ length: AGENTS }, (_, i) => [`agent-${i + 1}`, i + 1]));

  it('has everything after 429, 500, 503, a reset and no answer', async () => {
    const limited = { status: 429, headers: { 'retry-after': '0' } };
    const { done, stats, counted, receiver } = await run([limited, 500, 'reset', 503, 'hang']);
    expect(done).toBe(true);
    expect(stats).toMatchObject({ points: AGENTS, retries: 5, deadLettered: 0 });
    expect(receiver.answers.map(({ status }) => status)).toEqual([429, 500, 0, 503, 0, expect.any(Number)]);
    expect(counted).toEqual(all);
  });

  it('has everything where requests are too large, in smaller ones', async () => {
    const { stats, counted, receiver } = await run([413, 413]);
    expect(stats).toMatchObject({ points: AGENTS, deadLettered: 0 });
    expect(stats.requests).toBeGreaterThan(2);
    expect(receiver.answers.slice(0, 2).map(({ status }) => status)).toEqual([413, 413]);
    expect(counted).toEqual(all);
  });

  it('what it refuses for good is in the dead-letter file, and nothing else waits for it', async () => {
    const { done, stats, counted, events } = await run([{ status: 400, body: `no: ${KEY}` }]);
    expect(done).toBe(true);
    expect(stats).toMatchObject({ points: 0, deadLettered: AGENTS, waiting: 0 });
    expect(counted).toEqual({});
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'refused', reason: expect.stringContaining('400: no: ***') as string }),
    );
  });

  it('an answer that is lost repeats the request, which only New Relic counts twice', async () => {
    const { stats, counted } = await run(['lost']);
    expect(stats).toMatchObject({ points: AGENTS, retries: 1 });
    const times = name === 'newrelic' ? 2 : 1;
    expect(counted).toEqual(
      Object.fromEntries(Object.entries(all).map(([agent, value]) => [agent, value * times])),
    );
  });
});
