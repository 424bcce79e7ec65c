import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { pointsOf, produce, store, valuesOf } from './producer-support.js';

const HOUR_MS = 3_600_000;

/** Sets the clock, and lets all else that goes by time be. */
function setClock(time: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: time });
}

describe('a wrong clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(['collected before', 'read at once, as at a start'])(
    'a gauge from the future gives way to what stands behind it: %s',
    async (how) => {
      const directory = temporaryDirectory();
      const producer = produce({ directory });
      const time = Date.now();
      store(directory, { metric: 'mb', value: 1, time: time + HOUR_MS });
      if (how === 'collected before')
        expect(valuesOf(await producer.collect(), 'mb')).toEqual({ 'agent-1': 1 });
      store(directory, { metric: 'mb', value: 3, time: time - 1000 });
      // among those that tell how old they are the youngest counts
      store(directory, { metric: 'mb', value: 2, time: time - 2000 });
      expect(valuesOf(await producer.collect(), 'mb')).toEqual({ 'agent-1': 3 });
    },
  );

  it('that was set back: takes what comes, and forgets who is silent when it is time', async () => {
    const noon = Date.now();
    setClock(noon);
    const directory = temporaryDirectory();
    const snapshotFile = join(temporaryDirectory(), 'totals.json');
    const options = { directory, snapshotFile, gaugeMaxAgeMs: 300_000 };
    let producer = produce(options);
    const collect = async () => {
      const result = await producer.collect();
      for (const { startTime, endTime } of pointsOf(result, 'mb'))
        expect(startTime[0]).toBeLessThanOrEqual(endTime[0]);
      return ['mb', 'n', 'open'].map((metric) => valuesOf(result, metric));
    };
    const open = { metric: 'open', type: 'updowncounter', temporality: 'cumulative' } as const;
    const count = {
      metric: 'n',
      type: 'counter',
      temporality: 'cumulative',
      writer: 'w',
      start: noon,
    } as const;
    store(directory, { metric: 'mb', value: 100 }, { agent: 'silent', metric: 'mb', value: 7 });
    store(directory, { ...count, value: 5 }, { ...open, writer: 'dead', value: 1000 });
    expect(await collect()).toEqual([{ 'agent-1': 100, silent: 7 }, { 'agent-1': 5 }, { 'agent-1': 1000 }]);
    setClock(noon - HOUR_MS);
    store(directory, { metric: 'mb', value: 5000, time: Date.now() - 10 }, { ...count, value: 6 });
    store(directory, { ...open, writer: 'alive', value: 1 });
    expect(await collect()).toEqual([{ 'agent-1': 5000, silent: 7 }, { 'agent-1': 6 }, { 'agent-1': 1001 }]);
    // the snapshot is from the future as well
    await producer.shutdown();
    setClock(noon - 2 * HOUR_MS);
    producer = produce(options);
    store(directory, { metric: 'mb', value: 6000, time: Date.now() - 10 });
    expect((await collect())[0]).toEqual({ 'agent-1': 6000, silent: 7 });
    setClock(noon - 2 * HOUR_MS + 301_000);
    store(directory, { metric: 'mb', value: 6001 }, { ...open, writer: 'alive', value: 2 });
    expect(await collect()).toEqual([{ 'agent-1': 6001 }, { 'agent-1': 6 }, { 'agent-1': 2 }]);
  });
});
