import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import { createEmitter } from '../../src/store/emitter.js';
import { temporaryDirectory } from '../support/directory.js';

/** What a receiver knows of one series. */
export interface ReceivedSeries {
  readonly metric: string;
  readonly agent: string;
  /** Attributes of its own, under the names and in the text that the adapter gives them. */
  readonly labels: Readonly<Record<string, string>>;
  /** Total of a counter, last value of a gauge; of a histogram its count. */
  readonly value: number;
  /** Of a histogram. */
  readonly sum?: number | undefined;
}

/** An adapter at work, and its receiver, which it does not outlive. */
export interface RunningAdapter {
  /** Waits until the receiver has all that is stored now, and gives what it knows. */
  readonly deliver: () => Promise<readonly ReceivedSeries[]>;
  /** Ends as SIGTERM would end it. */
  readonly close: () => Promise<void>;
}

/** What a started adapter is told. */
export interface AdapterSettings {
  readonly directory: string;
  /** Where it may keep what it needs to go on after a restart. */
  readonly stateFile: string;
  readonly gaugeMaxAgeMs: number;
}

/** An adapter to be tested. */
export interface AdapterContract {
  readonly start: (settings: AdapterSettings) => Promise<RunningAdapter>;
  /** What the receiver calls a metric. */
  readonly nameOf: (metric: string, type: 'gauge' | 'counter' | 'histogram') => string;
}

const SHARD = 'cfn-metrics-0.jsonl';

/** What every adapter does, whatever it hands metrics to, and however. */
export function itKeepsTheContract({ start, nameOf }: AdapterContract): void {
  async function run(
    options: Partial<AdapterSettings> = {},
  ): Promise<RunningAdapter & { settings: AdapterSettings }> {
    const settings = {
      directory: temporaryDirectory(),
      stateFile: join(temporaryDirectory(), 'state.json'),
      gaugeMaxAgeMs: 60_000,
      ...options,
    };
    const adapter = await start(settings);
    onTestFinished(() => adapter.close());
    return { ...adapter, settings };
  }

  function store(directory: string, ...records: Partial<MetricRecord>[]): void {
    const lines = records.map((record) =>
      formatRecord({ time: Date.now(), agent: 'agent-1', metric: 'm', value: 1, ...record }),
    );
    appendFileSync(join(directory, SHARD), lines.join(''));
  }

  const count = (value: number, more: Partial<MetricRecord> = {}): Partial<MetricRecord> => ({
    ...{ metric: 'tasks', type: 'counter', value },
    ...more,
  });

  function valuesOf(series: readonly ReceivedSeries[], name: string): Record<string, number> {
    const found = series.filter(({ metric }) => metric === name);
    expect(new Set(found.map(({ agent, labels }) => JSON.stringify([agent, labels]))).size).toBe(
      found.length,
    );
    return Object.fromEntries(found.map(({ agent, value }) => [agent, value]));
  }

  describe('the contract of all adapters', () => {
    it('tells of each agent what it counted, and never twice', async () => {
      const { deliver, settings } = await run();
      for (let round = 1; round <= 3; round += 1) {
        for (const agent of [1, 2]) {
          const emitter = createEmitter({ agent, directory: settings.directory });
          emitter.emit('tasks', agent, { type: 'counter' });
          emitter.emit('mb', agent * round);
          await emitter.close();
        }
        const series = await deliver();
        expect(valuesOf(series, nameOf('tasks', 'counter'))).toEqual({
          'agent-1': round,
          'agent-2': 2 * round,
        });
        expect(valuesOf(series, nameOf('mb', 'gauge'))).toEqual({ 'agent-1': round, 'agent-2': 2 * round });
      }
    });

    it('a writer that restarts adds to what its agent counted before', async () => {
      const { deliver, settings } = await run();
      const now = Date.now();
      const cumulative = { temporality: 'cumulative' } as const;
      const { directory } = settings;
      store(directory, count(7, { ...cumulative, writer: 'a', start: now - 9000 }));
      await deliver();
      store(directory, count(2, { ...cumulative, writer: 'b', start: now - 1000 }));
      store(directory, count(8, { ...cumulative, writer: 'a', start: now - 9000 }));
      expect(valuesOf(await deliver(), nameOf('tasks', 'counter'))).toEqual({ 'agent-1': 10 });
    });

    it('histograms keep count and sum, whichever kind they are', async () => {
      const { deliver, settings } = await run();
      const bounds = [5, 10];
      const explicit = {
        metric: 'a',
        type: 'histogram',
        count: 3,
        sum: 21,
        bounds,
        counts: [1, 1, 1],
      } as const;
      const positive = { offset: 0, bucketCounts: [1, 0, 1] };
      const exponential = { metric: 'b', type: 'exponential_histogram', count: 3, sum: 9, scale: 0 } as const;
      store(settings.directory, explicit, explicit, { ...exponential, zeroCount: 1, positive });
      const series = await deliver();
      const found = (metric: string): unknown[] => {
        const name = nameOf(metric, 'histogram');
        return series.filter((each) => each.metric === name).map(({ value, sum }) => [value, sum]);
      };
      expect([found('a'), found('b')]).toEqual([[[6, 42]], [[3, 9]]]);
    });

    it('the gauge of a dead agent is no more, its counters are', async () => {
      const { deliver, settings } = await run({ gaugeMaxAgeMs: 2000 });
      store(settings.directory, { metric: 'mb' }, count(5));
      expect(valuesOf(await deliver(), nameOf('mb', 'gauge'))).toEqual({ 'agent-1': 1 });
      await delay(2050);
      const series = await deliver();
      expect(valuesOf(series, nameOf('mb', 'gauge'))).toEqual({});
      expect(valuesOf(series, nameOf('tasks', 'counter'))).toEqual({ 'agent-1': 5 });
    });

    it('torn lines, other lines and hostile attributes harm nobody else', async () => {
      const { deliver, settings } = await run();
      const hostile = {
        ...{
          '': 'x',
          'a b': '1',
          'a.b': '2',
          a_b: '3',
          __name__: 'n',
          le: 'l',
          agent: 'me',
          '0': 'd',
          ключ: 'k',
        },
        ...{ quantile: 'q', 'x"}': '"}\n# EOF\nevil 1\n', job: '\\', empty: '', nul: '\0', lone: '\ud800' },
        ...{ list: ['a', 'b'], yes: true, number: 1e300, long: 'x'.repeat(3000) },
      };
      const { '': _none, lone: _lone, ...attributes } = hostile;
      store(settings.directory, count(1, { attributes }), count(2, { agent: 'a"}\\', attributes }));
      appendFileSync(join(settings.directory, SHARD), '{"timestamp":"2026-11-21T20:1\nno record\n');
      store(settings.directory, count(4, { agent: 'agent-9' }));
      const values = valuesOf(await deliver(), nameOf('tasks', 'counter'));
      expect(values).toEqual({ 'agent-1': 1, 'a"}\\': 2, 'agent-9': 4 });
    });

    it('after a restart it goes on where it was, and nothing is lost or told twice', async () => {
      const first = await run();
      const { directory } = first.settings;
      store(directory, count(3), { metric: 'mb', value: 7 });
      await first.deliver();
      store(directory, count(1));
      await first.close();
      store(directory, count(1));
      const second = await run(first.settings);
      store(directory, count(1));
      const series = await second.deliver();
      expect(valuesOf(series, nameOf('tasks', 'counter'))).toEqual({ 'agent-1': 6 });
      expect(valuesOf(series, nameOf('mb', 'gauge'))).toEqual({ 'agent-1': 7 });
    });

    it('costs the writers nothing: the shards are as they wrote them', async () => {
      const { deliver, settings } = await run();
      store(settings.directory, count(1));
      const { readdirSync, readFileSync } = await import('node:fs');
      const before = [readdirSync(settings.directory), readFileSync(join(settings.directory, SHARD), 'utf8')];
      await deliver();
      expect([
        readdirSync(settings.directory),
        readFileSync(join(settings.directory, SHARD), 'utf8'),
      ]).toEqual(before);
    });
  });
}
