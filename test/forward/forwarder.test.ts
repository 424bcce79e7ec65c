import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Attributes } from '../../src/attributes.js';
import type { ResourceOf } from '../../src/forward/backend.js';
import { createForwarder } from '../../src/forward/forwarder.js';
import type { ForwarderOptions } from '../../src/forward/options.js';
import type { Point } from '../../src/forward/point.js';
import type { MetricRecord } from '../../src/record.js';
import { readRecords } from '../../src/store/reader.js';
import { temporaryDirectory } from '../support/directory.js';
import { answer, Receiver, setup, type Trouble } from './support.js';
import { WAIT } from '../support/wait.js';

const T = Date.parse('2026-11-21T10:00:00.000Z');
/** Nothing is told again just because time has passed. */
const QUIET = { resendMs: 1e9 };
const count = (value: number, more: Partial<MetricRecord> = {}): Partial<MetricRecord> => ({
  ...{ metric: 'n', type: 'counter', value },
  ...more,
});

describe('points', () => {
  it('are the last gauge and the total of each interval, at its end, by the time of the records', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, { time: T + 1000, value: 5 }, { time: T + 9000, value: 7 }, { time: T + 11_000, value: 9 });
    store(2, count(2, { time: T + 2000 }), count(3, { time: T + 25_000 }));
    expect(await forwarder(QUIET).once()).toBe(true);
    expect(receiver.valuesOf('m')).toEqual([
      ['agent-1', T + 10_000, 7],
      ['agent-1', T + 20_000, 9],
    ]);
    expect(receiver.valuesOf('n')).toEqual([
      ['agent-1', T + 10_000, 2],
      ['agent-1', T + 30_000, 5],
    ]);
    expect(receiver.points.filter(({ metric }) => metric === 'n')).toMatchObject(
      new Array(2).fill({ temporality: 'cumulative', start: T + 2000 }),
    );
  });

  it('of a backend that wants deltas are what each interval added', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    const total = (value: number, time: number, writer: string, start: number) =>
      count(value, { time, writer, start, temporality: 'cumulative' });
    const [a, b] = [T - 60_000, T + 14_000];
    store(1, count(2, { time: T + 1000 }), count(3, { time: T + 2000 }), count(4, { time: T + 12_000 }));
    store(2, total(10, T + 3000, 'a', a), total(17, T + 13_000, 'a', a), total(1, T + 15_000, 'b', b));
    expect(await forwarder().once()).toBe(true);
    expect(receiver.points).toMatchObject([
      { value: 15, time: T + 10_000, start: T },
      { value: 12, time: T + 20_000, start: T + 10_000 },
    ]);
    expect(receiver.points.every(({ temporality }) => temporality === undefined)).toBe(true);
  });

  it('of histograms keep buckets, and the extremes as far as they are known', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    const bounds = [5, 10];
    const one = { metric: 'h', type: 'histogram', bounds, count: 2, sum: 9, min: 2, max: 7 } as const;
    const more = { ...one, counts: [3, 1, 0], count: 4, sum: 20, min: 1, max: 9 };
    const stream = { writer: 'w', start: T, temporality: 'cumulative' } as const;
    store(
      1,
      { ...one, counts: [1, 1, 0], time: T + 1000 },
      { ...one, counts: [1, 1, 0], time: T + 2000, min: 1 },
    );
    store(
      2,
      { ...one, ...stream, counts: [1, 1, 0], time: T + 11_000 },
      { ...more, ...stream, time: T + 21_000 },
    );
    expect(await forwarder().once()).toBe(true);
    const [first, second, third] = receiver.points;
    expect(first).toMatchObject({ counts: [2, 2, 0], count: 4, sum: 18, min: 1, max: 7, time: T + 10_000 });
    // its stream began with it
    expect(second).toMatchObject({ counts: [1, 1, 0], count: 2, min: 2, max: 7, time: T + 20_000 });
    expect(third).toMatchObject({ counts: [2, 0, 0], count: 2, sum: 11, time: T + 30_000 });
    // of what a total says of its extremes nobody knows whether it is of this interval
    expect([third?.min, third?.max]).toEqual([undefined, undefined]);
  });

  it('of up-down counters are what there is now, whoever asks', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    const level = (value: number, time: number, more = {}) => ({
      metric: 'u',
      type: 'updowncounter' as const,
      value,
      time,
      ...more,
    });
    store(1, level(5, T + 1000), level(-2, T + 11_000));
    store(2, level(3, T + 12_000, { writer: 'w', start: T, temporality: 'cumulative' }));
    expect(await forwarder({ gaugeMaxAgeMs: 2e9, ...QUIET }).once()).toBe(true);
    expect(receiver.points).toMatchObject([
      { value: 5, time: T + 10_000, temporality: 'cumulative' },
      { value: 6, time: T + 20_000, temporality: 'cumulative' },
    ]);
  });

  it('of totals that do not change are told again from time to time', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, count(1, { time: T }));
    for (let i = 0; i < 10; i += 1) store(1, { time: T + 10_000 * i });
    await forwarder({ resendMs: 30_000 }).once();
    expect(receiver.valuesOf('n').slice(0, 3)).toEqual([
      ['agent-1', T + 10_000, 1],
      ['agent-1', T + 40_000, 1],
      ['agent-1', T + 70_000, 1],
    ]);
  });

  it('with raw are all gauges with their own times', async () => {
    const { store, forwarder, receiver } = await setup();
    store(
      1,
      { time: T + 1, value: 1 },
      { time: T + 2, value: 2 },
      { time: T + 2, value: 3 },
      { time: T + 1, value: 4 },
    );
    store(1, count(7, { time: T + 3 }));
    await forwarder({ raw: true, ...QUIET }).once();
    // Of one time there is one value, and none comes behind a younger one.
    expect(receiver.valuesOf('m')).toEqual([
      ['agent-1', T + 1, 1],
      ['agent-1', T + 2, 2],
    ]);
    expect(receiver.valuesOf('n')).toEqual([['agent-1', T + 10_000, 7]]);
  });

  it('of more raw gauges than may wait are told in parts, once each', async () => {
    const { store, forwarder, receiver } = await setup('cumulative', { points: 20_000 });
    for (let batch = 0; batch < 12; batch += 1) {
      store(
        batch % 3,
        ...Array.from({ length: 10_000 }, (_, i) => ({ time: T + 20 * (i + 1), agent: `agent-${batch}` })),
      );
    }
    store(1, count(3, { time: T + 1000 }));
    const made = forwarder({ raw: true, intervalMs: 3_600_000, ...QUIET });
    expect(await made.once()).toBe(true);
    expect(receiver.valuesOf('m')).toHaveLength(120_000);
    expect(new Set(receiver.valuesOf('m').map(([agent, time]) => `${agent} ${time}`)).size).toBe(120_000);
    expect(receiver.valuesOf('n')).toEqual([['agent-1', T + 3_600_000, 3]]);
  });
});

describe('time', () => {
  it('goes on in step, whatever the files hold', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    // more than a batch each
    for (const shard of [0, 1, 2]) {
      const records = Array.from({ length: 5000 }, (_, i) =>
        count(1, { time: T + shard + i * 100, agent: `agent-${shard}` }),
      );
      store(shard, ...records);
    }
    await forwarder().once();
    const times = receiver.points.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(receiver.points).toHaveLength(3 * 50);
    expect(new Set(receiver.points.map(({ value }) => value))).toEqual(new Set([100]));
  });

  it('a late record counts in the interval that is open, never in one that was told', async () => {
    const { store, forwarder, receiver } = await setup();
    const made = forwarder(QUIET);
    store(1, count(1, { time: T }));
    await made.once();
    store(1, count(2, { time: T + 1 }));
    await made.once();
    const [first, second] = receiver.valuesOf('n');
    expect(first).toEqual(['agent-1', T + 10_000, 1]);
    expect(second?.[2]).toBe(3);
    expect(second?.[1]).toBeGreaterThan(Date.now() - 60_000);
  });

  it('a record that claims to be from the future is from now, and holds nobody up', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, count(1, { time: Date.UTC(9999, 0) }), count(2, { time: T }));
    await forwarder(QUIET).once();
    expect(receiver.valuesOf('n').at(-1)?.[2]).toBe(3);
    expect(Math.max(...receiver.points.map(({ time }) => time))).toBeLessThanOrEqual(Date.now());
  });

  it('begins with what is stored, or where it is asked to with what comes', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, count(1));
    const made = forwarder({ from: 'end' });
    await made.once();
    store(1, count(2));
    await made.once();
    expect(receiver.valuesOf('n').map(([, , value]) => value)).toEqual([2]);
  });

  it('tells what was stored in the very millisecond that was told before', async () => {
    const now = Date.now();
    const { store, forwarder, receiver } = await setup('delta');
    const made = forwarder({ now: () => now });
    for (const value of [1, 2]) {
      store(1, count(value, { time: now }));
      await made.once();
    }
    expect(receiver.valuesOf('n').map(([, , value]) => value)).toEqual([1, 2]);
  });

  it('run tells an interval when it is over, and at the signal what is stored by then', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    const made = forwarder({ intervalMs: 200, graceMs: 20 });
    const stop = new AbortController();
    const running = made.run({ signal: stop.signal });
    for (let i = 0; i < 5; i += 1) {
      store(1, count(1));
      const wanted = i + 1;
      while (receiver.points.reduce((sum, { value }) => sum + value, 0) < wanted) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    store(1, count(1));
    stop.abort();
    expect(await running).toBe(true);
    expect(receiver.points.reduce((sum, { value }) => sum + value, 0)).toBe(6);
    expect(made.stats).toMatchObject({ points: receiver.points.length, waiting: 0, deadLettered: 0 });
  });
});

describe('what is chosen', () => {
  it('allow, deny, rename and units', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, ...['a.x', 'a.y', 'b.x', 'c'].map((metric) => ({ metric, time: T, unit: 'ms' })));
    await forwarder({
      ...{ allow: ['a.*', 'c'], deny: ['*.y'], rename: { c: 'd' }, units: { c: 's' }, ...QUIET },
    }).once();
    expect(receiver.points.map(({ metric, unit }) => [metric, unit])).toEqual([
      ['a.x', 'ms'],
      ['d', 's'],
    ]);
  });

  it.each([
    ['mean', 3],
    ['sum', 6],
    ['min', 2],
    ['max', 4],
    ['last', 2],
  ] as const)('without agents gauges become their %s', async (rule, value) => {
    const { store, forwarder, receiver } = await setup();
    store(1, { value: 4, time: T + 1 }, count(1, { time: T + 1 }));
    store(2, { agent: 'agent-2', value: 2, time: T + 2 }, count(2, { agent: 'agent-2', time: T + 2 }));
    store(3, { agent: 'agent-3', value: NaN, time: T + 2 });
    await forwarder({ perAgent: false, gauges: { '*': rule }, ...QUIET }).once();
    expect(receiver.points).toMatchObject([
      { metric: 'm', value, time: T + 10_000 },
      { metric: 'n', value: 3, time: T + 10_000 },
    ]);
    expect(receiver.points.every((point) => !('agent' in point))).toBe(true);
  });

  it('a gauge of all agents has those that are silent, until they are too old', async () => {
    const { store, forwarder, receiver } = await setup();
    store(1, { value: 4, time: T }, { value: 8, time: T + 10_000 }, { value: 16, time: T + 200_000 });
    store(2, { agent: 'agent-2', value: 2, time: T });
    await forwarder({ perAgent: false, gauges: { m: 'sum' }, gaugeMaxAgeMs: 100_000, ...QUIET }).once();
    expect(receiver.points.map(({ value }) => value)).toEqual([6, 10, 16]);
  });

  it('series beyond the bound are one, and sums stay what they are', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    store(1, ...Array.from({ length: 20 }, (_, i) => count(1, { time: T, agent: `agent-${i}` })));
    const made = forwarder({ maxSeries: 5 });
    await made.once();
    expect(receiver.points).toHaveLength(6);
    expect(receiver.points.at(-1)).toMatchObject({ value: 15, attributes: { 'otel.metric.overflow': true } });
    expect(made.stats.overflowed).toBe(15);
  });

  it('everything has a host and an instance, and what its writer says of itself', async () => {
    const { store, forwarder, receiver } = await setup();
    const seen = new Map<string | undefined, Attributes>();
    const encode = (points: readonly Point[], resourceOf: ResourceOf) => {
      for (const agent of [undefined, ...points.map((point) => point.agent)])
        seen.set(agent, resourceOf(agent));
      return receiver.backend().encode(points, resourceOf);
    };
    const attributes = { 'service.name': 'coder', 'service.instance.id': 'x', 'process.pid': 7 };
    store(1, { metric: 'target_info', attributes, writer: 'w' }, { agent: 'agent-1' });
    store(2, { agent: 'agent-2' });
    const backend = receiver.backend('cumulative', {}, { encode });
    const options = { backend, host: 'box', resource: { 'deployment.environment': 'prod' } };
    await forwarder(options).once();
    const shared = { 'host.name': 'box', 'deployment.environment': 'prod' };
    expect(Object.fromEntries(seen)).toEqual({
      undefined: { ...shared, 'service.instance.id': 'box' },
      'agent-1': { ...shared, 'service.name': 'coder', 'service.instance.id': 'agent-1' },
      'agent-2': { ...shared, 'service.instance.id': 'agent-2' },
    });
    expect(receiver.valuesOf('target_info')).toEqual([]);
  });
});

describe('how far it is behind', () => {
  const away = { now: () => T + 90_000, maxBackoffMs: 60_000, random: () => 1 };

  it.each([{}, { raw: true }])(
    'is the age of what waits where the backend was away from the start, after a restart too %j',
    async (options) => {
      const { store, forwarder, receiver } = await setup();
      receiver.troubles.push(...new Array<Trouble>(100).fill(answer(503)));
      store(1, { time: T + 1000 }, count(1, { time: T + 2000 }), count(1, { time: T + 12_000 }));
      for (let run = 0; run < 3; run += 1) {
        const made = forwarder({ ...options, ...away });
        expect(made.stats.lagMs).toBeNull();
        const stop = new AbortController();
        const running = made.run({ signal: stop.signal, flushMs: 0 });
        onTestFinished(() => stop.abort());
        await vi.waitFor(() => expect(made.stats.retries).toBe(1), WAIT);
        expect(made.stats).toMatchObject({ lagMs: 'raw' in options ? 89_000 : 80_000, points: 0 });
        stop.abort();
        expect(await running).toBe(false);
        await made.close();
      }
      receiver.troubles.length = 0;
      const last = forwarder({ ...options, ...away });
      expect(await last.once()).toBe(true);
      expect(last.stats.lagMs).toBe(0);
    },
  );

  it('is the time since the start where there is nothing yet, and goes on after the last interval', async () => {
    const { store, forwarder } = await setup();
    let now = T;
    const made = forwarder({ now: () => now, graceMs: 1000 });
    const stop = new AbortController();
    const running = made.run({ signal: stop.signal, flushMs: 0 });
    onTestFinished(() => stop.abort());
    await vi.waitFor(() => expect(made.stats.lagMs).toBe(0), WAIT);
    now = T + 7000;
    expect(made.stats.lagMs).toBe(7000);
    store(1, { time: now });
    now = T + 12_000;
    await vi.waitFor(() => expect(made.stats).toMatchObject({ points: 1, lagMs: 2000 }), WAIT);
    stop.abort();
    await running;
  });

  it('is stored while the backend is away, where a rule sees it', async () => {
    const { store, forwarder, receiver, directory } = await setup();
    receiver.troubles.push(...new Array<Trouble>(100).fill(answer(503)));
    store(1, count(1, { time: T }));
    const made = forwarder({ metrics: true, ...away });
    const stop = new AbortController();
    const running = made.run({ signal: stop.signal, flushMs: 0 });
    onTestFinished(() => stop.abort());
    const lag = { metric: 'cfn.forward.lag_seconds', value: 80, attributes: { backend: 'test' } };
    await vi.waitFor(
      () => expect([...readRecords({ directory })]).toContainEqual(expect.objectContaining(lag)),
      WAIT,
    );
    stop.abort();
    await running;
  });
});

describe('files', () => {
  it('are for their user alone, and two forwarders never share a state', async () => {
    const { store, forwarder, state } = await setup();
    store(1, {});
    const first = forwarder();
    await first.once();
    for (const file of ['test.state', 'test.sent', 'test.lock']) {
      expect(statSync(join(state, file)).mode & 0o777).toBe(0o600);
    }
    const second = forwarder();
    await expect(second.once()).rejects.toMatchObject({ code: 'ERR_METRICS_STORE' });
    await first.close();
    expect(await forwarder().once()).toBe(true);
  });

  it('that were deleted before they were read are said to be lost', async () => {
    const { store, forwarder, directory, events } = await setup();
    store(1, count(1));
    const first = forwarder();
    await first.once();
    await first.close();
    store(1, count(1));
    rmSync(join(directory, 'cfn-metrics-1.jsonl'));
    const second = forwarder();
    await second.once();
    expect(events.filter(({ type }) => type === 'lost')).toMatchObject([{ files: 1 }]);
    expect(second.stats.lostFiles).toBe(1);
  });

  it('a damaged state is said, and begun anew', async () => {
    const { store, forwarder, receiver, state, events } = await setup();
    store(1, count(1, { time: T }));
    const first = forwarder(QUIET);
    await first.once();
    await first.close();
    const { writeFileSync } = await import('node:fs');
    const path = join(state, 'test.state');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20));
    await forwarder(QUIET).once();
    expect(events).toMatchObject([{ type: 'forwarded' }, { type: 'error' }, { type: 'forwarded' }]);
    // the same again, so that whoever keeps one value of a time has no other
    expect(receiver.points[0]).toEqual(receiver.points[1]);
  });

  it('a directory that was named and is missing is an error', async () => {
    const { forwarder } = await setup();
    const made = forwarder({ directory: '/nowhere/at/all' });
    await expect(made.once()).rejects.toMatchObject({ code: 'ERR_METRICS_DIRECTORY' });
  });
});

it.each([
  [{ state: '' }, 'state must be a path, got ""'],
  [{ name: '../x' }, 'name must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, got "../x"'],
  [{ raw: true, perAgent: false }, 'raw and perAgent: false exclude each other'],
  [{ intervalMs: 5 }, 'intervalMs must be a whole number from 100 to 3600000, got 5'],
  [{ allow: [''] }, 'allow must be an array of patterns, got '],
  [{ rename: { a: '1' } }, 'rename["a"]: metric must be a letter'],
  [{ gauges: { '*': 'p99' as 'mean' } }, 'gauges["*"] must be one of mean, sum, min, max, last, got "p99"'],
  [{ from: 'middle' as 'end' }, 'from must be one of start, end, got "middle"'],
])('refuses %j', async (options: Partial<ForwarderOptions>, message) => {
  const receiver = await Receiver.start();
  expect(() =>
    createForwarder({ backend: receiver.backend(), state: temporaryDirectory(), ...options }),
  ).toThrow(message);
});
