import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend, BackendLimits } from '../../src/forward/backend.js';
import type { Point } from '../../src/forward/point.js';
import type { MetricRecord } from '../../src/record.js';
import { type Receiver, setup, type Trouble } from './support.js';

const T = Date.parse('2026-11-21T10:00:00.000Z');
const ROUNDS = 12;

/** Records of three shards that lie across intervals, more of them than a batch has. */
function records(shard: number): Partial<MetricRecord>[] {
  return Array.from({ length: 3000 }, (_, i) => ({
    ...{ time: T + shard + 40 * i, agent: `agent-${shard}`, value: 1 },
    ...(i % 3 === 0 && { metric: 'gauge' }),
    ...(i % 3 === 1 && { metric: 'n', type: 'counter' as const }),
    ...(i % 3 === 2 && {
      ...{ metric: 'total', type: 'counter' as const, temporality: 'cumulative' as const },
      ...{ value: (i + 1) / 3, writer: 'w', start: T - 1 },
    }),
  }));
}

/** What was told of each series and time; a second value of one time is a failure. */
function told(points: readonly Point[]): Map<string, Point> {
  const values = new Map<string, Point>();
  for (const point of points) {
    const key = `${point.metric} ${point.agent} ${point.time}`;
    const { value, start } = values.get(key) ?? point;
    expect({ key, value: point.value, start: point.start }).toEqual({ key, value, start });
    values.set(key, point);
  }
  return values;
}

describe.each(['delta', 'cumulative'] as const)(
  'a forwarder of %s that is stopped again and again',
  (temporality) => {
    it.each([false, true])('tells everything, and every repeat is the same (raw: %s)', async (raw) => {
      const { store, forwarder, receiver } = await setup(temporality, { points: 7 });
      for (const shard of [0, 1, 2]) store(shard, ...records(shard));
      const options = { raw, resendMs: 1e9, intervalMs: 5000 };
      for (let round = 0; round < ROUNDS; round += 1) {
        // accepted, but nobody hears of it; or not even that
        const trouble: Trouble = (_request, _response, points) => {
          if (round % 2 === 0) receiver.points.push(...points);
          receiver.troubles.push(...new Array<Trouble>(20).fill(() => true));
          return true;
        };
        receiver.troubles.length = 0;
        receiver.troubles.push(...new Array<Trouble>(1 + (round % 4)).fill(() => false), trouble);
        const made = forwarder({ ...options, timeoutMs: 60_000 });
        expect(await made.once({ signal: AbortSignal.abort(), flushMs: 150 })).toBe(false);
        await made.close();
      }
      receiver.troubles.length = 0;
      const last = forwarder(options);
      expect(await last.once()).toBe(true);
      const values = [...told(receiver.points).values()];
      const sumOf = (metric: string, agent: string): number => {
        const those = values.filter((point) => point.metric === metric && point.agent === agent);
        const numbers = those.toSorted((a, b) => a.time - b.time).map(({ value }) => value);
        return temporality === 'delta' ? numbers.reduce((a, b) => a + b, 0) : numbers.at(-1)!;
      };
      for (const agent of ['agent-0', 'agent-1', 'agent-2']) {
        expect({ agent, n: sumOf('n', agent), total: sumOf('total', agent) }).toEqual({
          agent,
          n: 1000,
          total: 1000,
        });
      }
      const gauges = values.filter(({ metric }) => metric === 'gauge');
      expect(gauges).toHaveLength(raw ? 3000 : 3 * 24);
    });
  },
);

describe('a forwarder that is stopped between two requests repeats none that was accepted', () => {
  const POINTS = 40;
  const counts = Array.from({ length: POINTS }, (_, i) => ({
    ...{ time: T, agent: `agent-${i}`, metric: 'n', type: 'counter' as const },
  }));
  /** Accepts so many requests, and then none. */
  const acceptOnly = (times: number, most: number, { troubles }: Receiver): void => {
    let accepted = 0;
    const trouble: Trouble = (_request, response, points) => {
      troubles.unshift(trouble);
      const isTaken = points.length <= most && accepted < times;
      if (isTaken) accepted += 1;
      else response.writeHead(points.length > most ? 413 : 503).end();
      return !isTaken;
    };
    troubles.push(trouble);
  };
  const evenAndOdd = (backend: Backend): Backend['encode'] => {
    const isEven = ({ agent }: Point): boolean => Number(agent!.slice('agent-'.length)) % 2 === 0;
    return (points, of) => [
      ...backend.encode(points.filter(isEven), of),
      ...backend.encode(
        points.filter((point) => !isEven(point)),
        of,
      ),
    ];
  };

  it.each<[string, Partial<BackendLimits>, number, boolean]>([
    ['where the receiver takes smaller ones only', {}, 10, false],
    ['where its own limit makes them smaller', { rawBytes: 1000 }, Infinity, false],
    ['where the same points make several', {}, Infinity, true],
    ['where each of several is too large', {}, 6, true],
  ])('%s', async (_name, limits, most, several) => {
    for (const accepted of [1, 2, 3]) {
      const { store, forwarder, receiver } = await setup('delta', limits);
      const whole = receiver.backend('delta', limits);
      const backend = several ? { ...whole, encode: evenAndOdd(whole) } : whole;
      store(1, ...counts);
      acceptOnly(accepted, most, receiver);
      // while it waits no request is under way
      const stop = new AbortController();
      const first = forwarder({
        ...{ backend, maxBackoffMs: 60_000, random: () => 1 },
        onEvent: ({ type }) => type === 'retry' && stop.abort(),
      });
      const done = await first.once({ signal: stop.signal, flushMs: 0 });
      await first.close();
      const before = receiver.points.length;
      expect({ done, waiting: first.stats.waiting }).toEqual({
        done: before === POINTS,
        waiting: POINTS - before,
      });
      expect(before).toBeGreaterThan(0);
      receiver.troubles.length = 0;
      expect(await forwarder({ backend }).once()).toBe(true);
      expect(receiver.points.map(({ agent }) => agent).sort()).toEqual(
        counts.map(({ agent }) => agent).sort(),
      );
    }
  });
});

it('goes on in a file that was sealed meanwhile, and in the one behind it', async () => {
  const { store, forwarder, receiver, directory } = await setup('delta');
  const count = (time: number) => ({ metric: 'n', type: 'counter' as const, time });
  store(1, count(T), count(T + 10_000));
  const first = forwarder();
  await first.once();
  await first.close();
  store(1, count(T + 20_000));
  renameSync(join(directory, 'cfn-metrics-1.jsonl'), join(directory, 'cfn-metrics-20261121-1.jsonl'));
  store(1, count(Date.now()));
  const second = forwarder();
  expect(await second.once()).toBe(true);
  expect(readdirSync(directory)).toHaveLength(2);
  expect(receiver.points.reduce((sum, { value }) => sum + value, 0)).toBe(4);
  expect(second.stats.lostFiles).toBe(0);
});
