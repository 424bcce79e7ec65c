import { describe, expect, it } from 'vitest';
import { setup } from './support.js';

const T = Date.parse('2026-11-21T10:00:00.000Z');

describe('points', () => {
  it('are the last gauge and the total of each interval, at its end, by the time of the records', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, { time: T + 1000, value: 5 }, { time: T + 9000, value: 7 }, { time: T + 11_000, value: 9 });
    store(
      2,
      { time: T + 2000, metric: 'n', type: 'counter', value: 2 },
      { time: T + 25_000, metric: 'n', type: 'counter', value: 3 },
    );
    expect(await forwarder({ resendMs: 1e9 }).once()).toBe(true);
    expect(receiver.valuesOf('m')).toEqual([
      ['agent-1', T + 10_000, 7],
      ['agent-1', T + 20_000, 9],
    ]);
    expect(receiver.valuesOf('n')).toEqual([
      ['agent-1', T + 10_000, 2],
      ['agent-1', T + 30_000, 5],
    ]);
  });
});
