import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { analyze, type Analysis, type Group, type GroupKey, Window } from '../../src/analyze/index.js';

import type { MetricRecord } from '../../src/record.js';
import { deltasOf } from './deltas.js';
import { WAIT } from '../support/wait.js';

const NOON = Date.UTC(2026, 10, 21, 12);
const LENGTH_MS = 60_000;

/** A window whose clock the test sets. */
function windowAt(now: number, options: ConstructorParameters<typeof Window>[0] = {}) {
  const clock = { now };
  return { clock, window: new Window({ lengthMs: LENGTH_MS, now: () => clock.now, ...options }) };
}

function gauge(second: number, value: number, fields: Partial<MetricRecord> = {}): MetricRecord {
  return { time: NOON + second * 1000, agent: 'agent-1', metric: 'load', value, ...fields };
}

/** A cumulative point of a writer that started ten seconds before noon. */
function total(second: number, value: number, fields: Partial<MetricRecord> = {}): MetricRecord {
  const start = NOON - 10_000;
  return gauge(second, value, {
    metric: 'requests',
    type: 'counter',
    temporality: 'cumulative',
    writer: 'w1',
    start,
    ...fields,
  });
}

/** Two numbers that may differ by rounding, beside terms as large as `scale`. */
function near(a: number | null, b: number | null, scale: number, relative = 1e-12): boolean {
  if (a === null || b === null || !Number.isFinite(a) || !Number.isFinite(b)) return Object.is(a, b);
  return Math.abs(a - b) <= relative * Math.abs(b) + 1e-13 * scale + Number.MIN_VALUE;
}

/** Says in what a group differs from what it should be; quantiles may, by as much as the group says. */
function differences(group: Group, oracle: Group): string[] {
  const wrong: string[] = [];
  const same = ['metric', 'type', 'unit', 'agent', 'count', 'nan', 'min', 'max', 'first', 'last'] as const;
  for (const name of same) {
    const [a, b] = [group[name], oracle[name]];
    // -0 and 0 are one value.
    if (a !== b && !Object.is(a, b)) wrong.push(`${name} ${a} for ${b}`);
  }
  const scale = Math.max(
    Math.abs(oracle.min ?? 0),
    Math.abs(oracle.max ?? 0),
    Math.abs(oracle.first ?? 0),
    Math.abs(oracle.last ?? 0),
  );
  const finite = Number.isFinite(scale) ? scale : 0;
  for (const name of ['sum', 'rate', 'avg', 'delta'] as const) {
    if (!near(group[name], oracle[name], finite * 1e-10))
      wrong.push(`${name} ${group[name]} for ${oracle[name]}`);
  }
  // Squares of values beyond these are no doubles.
  const size = Math.max(Math.abs(oracle.min ?? 0), Math.abs(oracle.max ?? 0));
  const squares = size === 0 || !Number.isFinite(size) || (size > 1e-150 && size < 1e150);
  if (squares && !near(group.stddev, oracle.stddev, finite, 1e-7))
    wrong.push(`stddev ${group.stddev} for ${oracle.stddev}`);
  const numbers = (of: Group) => ({ p50: of.p50, p90: of.p90, p95: of.p95, p99: of.p99, ...of.quantiles });
  for (const [name, exact] of Object.entries(numbers(oracle))) {
    const estimate = numbers(group)[name as 'p50'];
    if (
      oracle.exact && group.exact ? Object.is(estimate! + 0, exact! + 0) : close(estimate, exact, group.error)
    )
      continue;
    wrong.push(`${name} ${estimate} for ${exact}, error ${group.error}`);
  }
  return wrong.map((text) => `${group.metric} ${group.type}: ${text}`);
}

function close(estimate: number | null, exact: number | null, error: number | null): boolean {
  if (estimate === null || exact === null) return estimate === exact;
  if (Object.is(estimate, exact) || error === Infinity) return true;
  return Math.abs(estimate - exact) <= (error! + 1e-9) * Math.abs(exact) + Number.MIN_VALUE;
}

function compare(answer: Analysis, oracle: Analysis): string[] {
  const names = (of: Analysis) =>
    of.groups.map(({ metric, type, unit, agent, attributes }) =>
      JSON.stringify([metric, type, unit, agent, attributes]),
    );
  expect(names(answer)).toEqual(names(oracle));
  expect({ ...answer, groups: [] }).toEqual({ ...oracle, groups: [] });
  return answer.groups.flatMap((group, i) => differences(group, oracle.groups[i]!));
}

const someValue = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: 0.001, max: 1e6, noNaN: true }) },
  { weight: 4, arbitrary: fc.integer({ min: -5, max: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, 1e300, -1e300, 1e-300, 0, -0, 1e16) },
  { weight: 1, arbitrary: fc.double({ min: -1e300, max: 1e300, noNaN: true }) },
);
const someCount = fc.integer({ min: 0, max: 9 });
const somePoint = fc.record({
  agent: fc.constantFrom('agent-1', 'agent-2', 'coder'),
  kind: fc.constantFrom(
    'gauge',
    'counter',
    'total',
    'change',
    'level',
    'explicit',
    'explicitTotal',
    'exponential',
  ),
  unit: fc.constantFrom(undefined, '', 'ms'),
  value: someValue,
  counts: fc.tuple(someCount, someCount, someCount),
  writer: fc.constantFrom('w1', 'w2'),
  restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
const someStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ age: fc.integer({ min: -70_000, max: 5_000 }), point: somePoint }) },
  { weight: 4, arbitrary: fc.record({ age: fc.integer({ min: -500, max: 0 }), point: somePoint }) },
  {
    weight: 1,
    arbitrary: fc.record({
      burst: fc.array(someValue, { minLength: 20, maxLength: 40 }),
      times: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 15_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ask: fc.constantFrom(1000, 10_000, 30_000, 59_000),
      back: fc.constantFrom(0, 0, 0, 1000),
      groupBy: fc.constantFrom<GroupKey[]>([], ['agent']),
      quantiles: fc.constantFrom([], [0, 0.25, 1]),
    }),
  },
);
type Point = typeof somePoint extends fc.Arbitrary<infer T> ? T : never;

/** Makes records out of points: cumulative ones go on from what their writer had. */
class Writers {
  readonly #taken = new Set<number>();
  readonly #state = new Map<string, { value: number; counts: number[]; start: number; time: number }>();

  record(time: number, { agent, kind, unit, value, counts, writer, restart }: Point): MetricRecord {
    const base = { agent, metric: kind, unit, value, time: this.#free(time) };
    const number = Number.isFinite(value) ? Math.abs(value) : 1;
    const key = `${agent} ${kind} ${unit} ${writer}`;
    // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- the others are cumulative, below
    switch (kind) {
      case 'gauge':
        return base;
      case 'counter':
        return { ...base, type: 'counter', value: Number.isNaN(value) ? value : number };
      case 'change':
        return { ...base, type: 'updowncounter' };
      case 'explicit':
        return { ...base, type: 'histogram', ...explicit(counts), min: 1, max: 99 };
      case 'exponential': {
        const count = counts[0] + counts[1] + counts[2];
        const positive = { offset: -1, bucketCounts: counts.slice(1) };
        return {
          ...base,
          type: 'exponential_histogram',
          count,
          sum: count,
          scale: 2,
          zeroCount: counts[0],
          positive,
        };
      }
    }
    let state = this.#state.get(key);
    if (state === undefined || restart)
      state = { value: 0, counts: [0, 0, 0], start: base.time - 100, time: -Infinity };
    this.#state.set(key, state);
    // The points of a stream come in order.
    state.time = base.time = this.#free(Math.max(base.time, state.time + 1));
    const cumulative = { ...base, temporality: 'cumulative', writer, start: state.start } as const;
    if (kind === 'level') return { ...cumulative, type: 'updowncounter' };
    if (kind === 'total') {
      state.value += Math.min(number, 1e15);
      return { ...cumulative, type: 'counter', value: Number.isNaN(value) ? NaN : state.value };
    }
    state.counts = state.counts.map((count, i) => count + counts[i]!);
    return { ...cumulative, type: 'histogram', ...explicit(state.counts) };
  }

  /** No two records of one time: which of them is first or last would be open. */
  #free(time: number): number {
    let free = time;
    while (this.#taken.has(free)) free += 1;
    this.#taken.add(free);
    return free;
  }
}

function explicit(counts: readonly number[]): Partial<MetricRecord> {
  const count = counts.reduce((a, b) => a + b, 0);
  return { bounds: [10, 20], counts: [...counts], count, sum: count * 12 };
}

describe('a window', () => {
  it('answers as analyze does, however it is asked, whatever comes late, and while time goes on', () => {
    fc.assert(
      fc.property(fc.array(someStep, { maxLength: 120, size: 'max' }), (steps) => {
        const { clock, window } = windowAt(NOON);
        const writers = new Writers();
        const added: MetricRecord[] = [];
        const seen = new Set<MetricRecord>();
        const add = (time: number, point: Point): void => {
          const record = writers.record(time, point);
          // What is left out still is what the next point is compared with.
          added.push(record);
          if (record.time >= Math.floor(clock.now / 1000) * 1000 - LENGTH_MS) seen.add(record);
          window.add(record);
        };
        const wrong: string[] = [];
        for (const step of steps) {
          if ('advance' in step) clock.now += step.advance;
          else if ('point' in step) add(clock.now + step.age, step.point);
          else if ('burst' in step) {
            const point = {
              agent: 'agent-1',
              kind: 'gauge',
              unit: undefined,
              counts: [0, 0, 0],
              writer: 'w1',
              restart: false,
            } as const;
            for (let i = 0; i < step.burst.length * step.times; i += 1) {
              const value = step.burst[i % step.burst.length]! * (1 + i / 1000);
              add(clock.now - 2000 + i * 5, { ...point, counts: [0, 0, 0], value });
            }
          } else {
            const until = Math.ceil((clock.now + 1) / 1000) * 1000 - step.back;
            const since = until - step.ask;
            const question = { groupBy: step.groupBy, quantiles: step.quantiles };
            const answer = window.analyze({ ...question, until, lengthMs: step.ask });
            wrong.push(...compare(answer, oracleOf(added, seen, { since, until, ...question })));
          }
          if (wrong.length > 0) break;
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

/** What analyze says of the increments; the stored values at the ends are those of the points as they came. */
function oracleOf(
  records: readonly MetricRecord[],
  seen: ReadonlySet<MetricRecord>,
  options: Parameters<typeof analyze>[1],
): Analysis {
  const increments = analyze(deltasOf(records, seen), options);
  const stored = analyze(records, options);
  const groups = stored.groups.map((group) => {
    const { metric, type, unit, agent, first, last } = group;
    const found = increments.groups.find(
      (other) =>
        other.metric === metric && other.type === type && other.unit === unit && other.agent === agent,
    );
    if (group.metric === 'total' || group.metric === 'explicitTotal')
      return { ...(found ?? empty(group)), first, last };
    return group;
  });
  return { ...stored, groups };
}

/** A group in which only points are that nobody knows the increments of. */
function empty(group: Group): Group {
  const histogram = group.type === 'histogram';
  const none = { avg: null, stddev: null, min: null, max: null, p50: null, p90: null, p95: null, p99: null };
  const quantiles = Object.fromEntries(Object.keys(group.quantiles).map((q) => [q, null]));
  return {
    ...group,
    ...none,
    quantiles,
    count: 0,
    sum: 0,
    rate: 0,
    delta: histogram ? null : 0,
    error: null,
  };
}

describe('counters', () => {
  it('are compared with the point before, even where that is older than what is asked for or kept', () => {
    const { clock, window } = windowAt(NOON);
    window.add(total(0, 100));
    window.add(total(0, 130, { writer: 'w2', start: NOON - 1000 }));
    // An idle gap of an hour is no reset.
    clock.now += 3_600_000;
    window.add(total(3600, 107));
    expect(window.analyze().groups).toMatchObject([
      { metric: 'requests', count: 1, sum: 7, delta: 7, last: 107 },
    ]);
  });

  it('take a restart for what it is, a new writer or a new start', () => {
    const { window } = windowAt(NOON + 20_000);
    window.add(total(0, 100));
    window.add(total(5, 4, { writer: 'w2', start: NOON + 2000 }));
    window.add(total(9, 110));
    window.add(total(11, 3, { start: NOON + 10_000 }));
    expect(window.analyze().groups).toMatchObject([{ count: 3, sum: 17 }]);
  });

  it('count all of a first point only where its writer surely had none before', () => {
    const { window } = windowAt(NOON + 20_000);
    window.add(total(5, 50));
    expect(window.analyze().groups).toMatchObject([{ count: 0, sum: 0, first: 50 }]);
    window.add(total(6, 9, { writer: 'w2', start: NOON + 5500 }));
    expect(window.analyze().groups).toMatchObject([{ count: 1, sum: 9 }]);
  });

  it('of a stream that was forgotten begin anew, and never count twice', () => {
    const { clock, window } = windowAt(NOON, { streamIdleMs: 120_000 });
    window.add(total(0, 100));
    clock.now += 10_000;
    window.add(total(10, 40, { writer: 'w2', start: NOON + 5000 }));
    expect(window.counts.streams).toBe(2);
    clock.now += 300_000;
    window.add(total(310, 45, { writer: 'w2', start: NOON + 5000 }));
    expect(window.analyze().groups).toMatchObject([{ count: 0, sum: 0, last: 45 }]);
    expect(window.counts.streams).toBe(1);
  });

  it('are remembered for so many streams and no more', () => {
    const { window } = windowAt(NOON, { maxSeries: 1, maxStreams: 3 });
    for (let i = 0; i < 10; i += 1) window.add(total(-1, i, { writer: `w${i}` }));
    expect(window.counts.streams).toBe(3);
  });
});

it('agrees with analyze on the very records, where all of them are in the window', () => {
  const { window } = windowAt(NOON + 50_000);
  const records = Array.from({ length: 40 }, (_, i) =>
    total(i, i * i, { writer: `w${i % 3}`, start: NOON + (i % 3) * 100, agent: `agent-${i % 2}` }),
  );
  for (const record of records) window.add(record);
  const options = { since: NOON, until: NOON + 50_000, groupBy: ['agent'] } as const;
  expect(compare(window.analyze(options), analyze(records, options))).toEqual([]);
});

it('counts what writers could not store, and hides what is about writers', () => {
  const { window } = windowAt(NOON);
  window.add(gauge(-1, 3, { metric: 'cfn.metrics.dropped', type: 'counter' }));
  window.add(gauge(-1, 1, { metric: 'target_info' }));
  expect(window.analyze({ metrics: [] })).toMatchObject({ dropped: 3, groups: [], records: 0 });
});

it('says which metrics come in several kinds, how many groups are over a limit, and keeps the largest', () => {
  const { window } = windowAt(NOON);
  window.add(gauge(-1, 5));
  window.add(gauge(-1, 7, { type: 'counter' }));
  window.add(gauge(-1, 9, { agent: 'agent-2' }));
  const answer = window.analyze({
    groupBy: ['agent'],
    over: { limit: 6, by: 'max' },
    top: { n: 1, by: 'max' },
  });
  expect(answer.mixed).toEqual(['load']);
  expect(answer.over).toMatchObject([
    { type: 'gauge', groups: 2, over: 1, percent: 50 },
    { type: 'counter', groups: 1, over: 1 },
  ]);
  expect(answer.groups.map(({ agent, max }) => [agent, max])).toEqual([
    ['agent-2', 9],
    ['agent-1', 7],
  ]);
});

describe('accuracy', () => {
  it('is not lost to what went through: small values beside which larger ones were', () => {
    const { clock, window } = windowAt(NOON);
    for (const [i, value] of [1e300, 1e17, 1, 2, 0.5].entries()) window.add(gauge(-10 + i, value));
    expect(window.analyze({ lengthMs: 30_000 }).groups).toMatchObject([{ count: 5, sum: 1e300 }]);
    clock.now += 21_000;
    expect(window.analyze({ lengthMs: 30_000 }).groups).toMatchObject([{ count: 4 }]);
    clock.now += 1000;
    expect(window.analyze({ lengthMs: 30_000 }).groups).toMatchObject([{ count: 3, sum: 3.5, min: 0.5 }]);
  });

  it('of a sum is that of all values, whatever series they are of', () => {
    const { window } = windowAt(NOON);
    for (const value of [1e16, 1, 1]) window.add(gauge(-1, value));
    window.add(gauge(-1, -1e16, { agent: 'agent-2' }));
    expect(window.analyze().groups).toMatchObject([{ count: 4, sum: 2 }]);
  });

  it('of a quantile between two values far apart is that of the values beside it', () => {
    const { window } = windowAt(NOON);
    for (let i = 0; i < 600; i += 1) window.add(gauge(-1, i < 300 ? 1 : 1000));
    const [group] = window.analyze().groups;
    expect(group).toMatchObject({ exact: false });
    expect(Math.abs(group!.p50! / 500.5 - 1)).toBeLessThan(group!.error!);
    // Around zero nobody knows what part of the quantile the error is.
    for (let i = 0; i < 600; i += 1) window.add(gauge(-1, i < 300 ? -1 : 1, { metric: 'zero' }));
    expect(window.analyze({ metrics: ['zero'] }).groups).toMatchObject([{ error: Infinity }]);
  });
});

describe('quantiles', () => {
  it('are exact of up to 512 values a series, of one or of many, and near beyond', () => {
    const { window } = windowAt(NOON);
    const records = Array.from({ length: 1536 }, (_, i) =>
      gauge(-1, ((i * 7919) % 1536) / 7, { agent: `agent-${i % 3}` }),
    );
    for (const record of records) window.add(record);
    for (const groupBy of [[], ['agent']] as const) {
      const oracle = analyze(records, { groupBy, since: NOON - LENGTH_MS, until: NOON + 1000 });
      const answer = window.analyze({ groupBy });
      for (const group of answer.groups) expect(group).toMatchObject({ exact: true, error: 0 });
      expect(compare(answer, { ...oracle, since: answer.since, until: answer.until })).toEqual([]);
    }
    window.add(gauge(-1, 0));
    expect(window.analyze({ groupBy: ['agent'] }).groups.map(({ exact }) => exact)).toEqual([
      true,
      false,
      true,
    ]);
    expect(window.analyze().groups).toMatchObject([{ exact: false }]);
  });

  it('are exact again when values have gone, but not at each step around the limit', () => {
    const { clock, window } = windowAt(NOON);
    for (let i = 0; i < 600; i += 1) window.add(gauge(-30 + i / 30, i));
    const exact = (): boolean => window.analyze({ lengthMs: 30_000 }).groups[0]!.exact;
    expect(exact()).toBe(false);
    clock.now += 10_000;
    expect(exact()).toBe(false);
    clock.now += 3000;
    expect(exact()).toBe(true);
  });
});

it('forgets what is in the future of a clock that was put back, whatever was asked before', () => {
  const { clock, window } = windowAt(NOON);
  const histogram = { metric: 'sizes', type: 'histogram', ...explicit([1, 2, 3]) } as const;
  for (const second of [-45, -5]) {
    window.add(gauge(second, second));
    window.add(gauge(second, 1, histogram));
  }
  const asked = { since: NOON - 50_000, until: NOON };
  expect(window.analyze(asked).groups).toMatchObject([{ count: 2 }, { count: 12 }]);
  clock.now -= 100_000;
  expect(window.analyze(asked).groups).toMatchObject([{ count: 1, last: -45 }, { count: 6 }]);
});

describe('asked again and again', () => {
  it('gives what has come so far', () => {
    const { clock, window } = windowAt(NOON);
    window.add(gauge(-1, 1));
    window.analyze({ lengthMs: 30_000 });
    for (let tenth = 1; tenth <= 400; tenth += 1) {
      clock.now = NOON + tenth * 100;
      window.add(gauge(tenth / 10 - 0.01, tenth));
      if (tenth % 5 === 0) window.analyze({ lengthMs: 30_000 });
    }
    // From 12:00:10 on: of the second that has just begun nothing came.
    const values = Array.from({ length: 300 }, (_, i) => i + 101);
    expect(window.analyze({ lengthMs: 30_000 }).groups).toMatchObject([
      {
        count: 300,
        min: 101,
        max: 400,
        p50: 250.5,
        sum: values.reduce((a, b) => a + b),
        first: 101,
        last: 400,
      },
    ]);
  });

  it('gives the same objects for groups that did not change, and others for those that did', () => {
    const { window } = windowAt(NOON);
    const histogram = { metric: 'sizes', type: 'histogram', ...explicit([1, 2, 3]) } as const;
    window.add(gauge(-1, 1));
    window.add(gauge(-1, 1, { agent: 'agent-2' }));
    window.add(gauge(-1, 1, histogram));
    const asked = { lengthMs: 30_000, groupBy: ['agent'] } as const;
    const [one, two, sizes] = window.analyze(asked).groups;
    // Behind the end of the view, so in no answer yet.
    window.add(gauge(5, 1));
    window.add(gauge(-1, 2, { agent: 'agent-2' }));
    window.add(gauge(-1, 1, histogram));
    const after = window.analyze(asked).groups;
    expect(after[0]).toBe(one);
    expect(after.slice(1)).toMatchObject([{ count: 2 * two!.count }, { count: 2 * sizes!.count }]);
  });

  it('for the same time gives the same objects, whatever has come since', () => {
    const { clock, window } = windowAt(NOON);
    for (let second = -30; second < 0; second += 1) window.add(gauge(second, second));
    const over = { since: NOON - 30_000, until: NOON - 10_000 };
    const [group] = window.analyze(over).groups;
    for (let tenth = 1; tenth <= 50; tenth += 1) {
      clock.now = NOON + tenth * 100;
      window.add(gauge(tenth / 10, tenth));
      expect(window.analyze(over).groups[0]).toBe(group);
    }
  });
});

describe('memory', () => {
  it('is that of the series in the window: idle ones go', () => {
    const { clock, window } = windowAt(NOON);
    for (let i = 0; i < 50; i += 1) window.add(gauge(-1, 1, { agent: `agent-${i}` }));
    expect(window.counts.series).toBe(50);
    clock.now += LENGTH_MS + 1000;
    window.add(gauge(60, 1));
    expect(window.counts.series).toBe(1);
    expect(window.analyze({ groupBy: ['agent'] }).groups).toHaveLength(1);
  });

  it('is given back by those that went, however many came after each other', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { clock, window } = windowAt(NOON, { lengthMs: 1000 });
    const buffers = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = buffers();
    for (let second = 0; second < 60; second += 1) {
      clock.now = NOON + second * 1000 + 500;
      const agents = Array.from({ length: 1000 }, (_, i) => `agent-${second}-${i}`);
      for (const agent of agents) window.add(gauge(second, second, { agent }));
      expect(window.analyze({ lengthMs: 1000, groupBy: ['agent'] }).groups).toHaveLength(1000);
    }
    // of 60,000 series rows alone would be 14 MB; V8 frees what is garbage in threads of its own
    await vi.waitFor(() => expect(buffers() - before).toBeLessThan(4e6), WAIT);
  });

  it('folds what is beyond the limit into one series, which is marked and counted', () => {
    const { clock, window } = windowAt(NOON, { maxSeries: 2 });
    for (let i = 0; i < 5; i += 1) window.add(gauge(-1, i, { agent: `agent-${i}` }));
    expect(window.counts).toMatchObject({ series: 3, overflow: 3 });
    expect(window.analyze({ groupBy: ['agent'] }).groups).toMatchObject([
      { agent: 'agent-0', count: 1 },
      { agent: 'agent-1', count: 1 },
      { agent: undefined, attributes: { 'otel.metric.overflow': 'true' }, count: 3, sum: 9 },
    ]);
    expect(window.analyze().groups).toMatchObject([{ count: 5, sum: 10 }]);
    // What was kept goes on being kept, and who comes when others went has a series again.
    window.add(gauge(-1, 7, { agent: 'agent-1' }));
    expect(window.counts.overflow).toBe(3);
    clock.now += LENGTH_MS + 1000;
    window.add(gauge(60, 1, { agent: 'agent-4' }));
    expect(window.analyze({ groupBy: ['agent'] }).groups).toMatchObject([{ agent: 'agent-4', count: 1 }]);
  });

  it('does not grow with the names of metrics either', () => {
    const { window } = windowAt(NOON, { maxSeries: 1 });
    for (let i = 0; i < 1500; i += 1) window.add(gauge(-1, i, { metric: `m${i}` }));
    expect(window.counts).toMatchObject({ series: 1001, overflow: 1000, discarded: 499 });
  });

  it('does not grow with the values of a busy series: their quantiles are then estimates', () => {
    const { clock, window } = windowAt(NOON);
    const records = Array.from({ length: 100_000 }, (_, i) =>
      gauge(-30 + Math.floor(i / 4) / 1000, ((i * 7919) % 100_003) + 1),
    );
    for (const [i, record] of records.entries()) {
      window.add(record);
      if (i === 100) window.analyze({ lengthMs: 30_000 });
    }
    clock.now += 5000;
    for (const lengthMs of [10_000, 30_000]) {
      const until = NOON + 1000;
      const answer = window.analyze({ until, lengthMs });
      expect(answer.groups).toMatchObject([{ exact: false }]);
      expect(answer.groups[0]!.error).toBeLessThan(0.005);
      expect(compare(answer, analyze(records, { since: until - lengthMs, until }))).toEqual([]);
    }
    // Where the clock is put back they are gone, and each value is kept again.
    clock.now = NOON - 3_600_000;
    for (const value of [1, 3, 5]) window.add(gauge(-3601, value));
    expect(window.analyze({ lengthMs: 30_000 }).groups).toMatchObject([{ exact: true, count: 3, p50: 3 }]);
  });
});

it('counts what comes late of a series that has just become busy, though it was asked for before', () => {
  const { window } = windowAt(NOON);
  for (let i = 0; i < 32_768; i += 1) window.add(gauge(-2, 1));
  const over = { since: NOON - 30_000, until: NOON - 1000 };
  expect(window.analyze(over).groups).toMatchObject([{ count: 32_768 }]);
  window.add(gauge(-1, 1));
  window.add(gauge(-2, 1));
  expect(window.analyze(over).groups).toMatchObject([{ count: 32_769 }]);
});

it('is right each second about a range of thousands of points, while they come and go and some come late', () => {
  const { clock, window } = windowAt(NOON);
  const records: MetricRecord[] = [];
  for (let second = 0; second < 8; second += 1) {
    for (let i = 0; i < 1500; i += 1) {
      const late = i % 50 === 0 ? 2 : 0;
      clock.now = NOON + second * 1000 + i / 2;
      const record = gauge(second - late + i / 2000, ((i * 7919) % 1009) + second);
      records.push(record);
      window.add(record);
    }
    for (const lengthMs of [1000, 3000]) {
      const until = NOON + (second + 1) * 1000;
      const oracle = analyze(records, { since: until - lengthMs, until });
      expect(compare(window.analyze({ until, lengthMs }), oracle)).toEqual([]);
    }
  }
});

it('tells of each series what is its own when others have gone, whoever asks of what length', () => {
  const { clock, window } = windowAt(NOON);
  const agents = Array.from({ length: 200 }, (_, i) => `agent-${i}`);
  const lengths = [5000, 30_000, 60_000];
  const expected: [agent: string, value: number][] = [];
  for (let second = 0; second < 300; second += 1) {
    clock.now = NOON + second * 1000 + 500;
    // Each has a time in which it lives, and some come again.
    const living = agents.filter((_, i) => (second + 7 * i) % 180 < 70);
    for (const agent of living) {
      expected.push([agent, second]);
      window.add(gauge(second, second, { agent }));
    }
    const lengthMs = lengths[(second % 7) % lengths.length]!;
    const from = second + 1 - lengthMs / 1000;
    const sums = new Map<string, number>();
    for (const [agent, value] of expected) if (value >= from) sums.set(agent, (sums.get(agent) ?? 0) + value);
    const { groups } = window.analyze({ lengthMs, groupBy: ['agent'] });
    expect(new Map(groups.map(({ agent, sum }) => [agent, sum]))).toEqual(sums);
  }
  expect(window.counts.series).toBeLessThan(200);
});

it('takes nothing that one series left for that of another, which has its number now', () => {
  const { clock, window } = windowAt(NOON);
  const last30s = { lengthMs: 30_000, groupBy: ['agent'] } as const;
  for (let i = 0; i < 100; i += 1) window.add(gauge(-1, i, { agent: `gone-${i}` }));
  clock.now = NOON + 50_000;
  window.add(gauge(49, 1, { agent: 'stays' }));
  expect(window.analyze(last30s).groups).toMatchObject([{ agent: 'stays', sum: 1 }]);
  clock.now = NOON + 61_000;
  for (let i = 0; i < 200; i += 1) window.add(gauge(60, i, { agent: `agent-${i}` }));
  const { groups } = window.analyze(last30s);
  expect(groups.map(({ sum }) => sum).sort((a, b) => a! - b!)).toEqual(
    [1, ...Array.from({ length: 200 }, (_, i) => i)].sort((a, b) => a - b),
  );
});

describe('a clock that jumps', () => {
  it('back an hour: what lies in the future goes, what comes now counts, and counters are no reset', () => {
    const { clock, window } = windowAt(NOON);
    window.add(total(-1, 100));
    window.add(gauge(-1, 5));
    expect(window.analyze().groups).toHaveLength(2);
    clock.now -= 3_600_000;
    window.add(total(-3600, 104));
    expect(window.analyze().groups).toMatchObject([{ metric: 'requests', count: 1, sum: 4 }]);
    clock.now += 3_600_000;
    expect(window.analyze().groups).toEqual([]);
  });

  it('forward an hour: what is older than the window goes, and what comes counts', () => {
    const { clock, window } = windowAt(NOON);
    window.add(total(-1, 100));
    clock.now += 3_600_000;
    window.add(total(3599, 103));
    expect(window.analyze().groups).toMatchObject([{ metric: 'requests', count: 1, sum: 3 }]);
  });

  it('in one record changes nothing for the others', () => {
    const { window } = windowAt(NOON);
    window.add(gauge(-1, 5));
    window.add(gauge(3600, 6));
    window.add(gauge(-3600, 7));
    window.add(gauge(-2, 8));
    expect(window.counts).toMatchObject({ records: 4, late: 1, ahead: 1 });
    expect(window.analyze().groups).toMatchObject([{ count: 2, sum: 13, first: 8, last: 5 }]);
  });
});

describe('questions', () => {
  it('are of whole seconds: since down, until up, and until by default the end of this second', () => {
    const { window } = windowAt(NOON + 500);
    window.add(gauge(0.1, 1));
    const times = ({ since, until }: Analysis) => [since, until];
    const noon = '2026-11-21T12:00:00.000Z';
    const after = '2026-11-21T12:00:01.000Z';
    expect(times(window.analyze())).toEqual(['2026-11-21T11:59:01.000Z', after]);
    expect(times(window.analyze({ since: NOON + 1, until: NOON + 2 }))).toEqual([noon, after]);
    expect(times(window.analyze({ lengthMs: 999 }))).toEqual([noon, after]);
    expect(times(window.analyze({ since: 0, until: NOON }))).toEqual(['2026-11-21T11:59:00.000Z', noon]);
  });

  it('leave out, by default, a second of which nothing came yet', () => {
    const { clock, window } = windowAt(NOON + 20);
    const answer = () => {
      const { since, until, groups } = window.analyze({ lengthMs: 2000 });
      return [(Date.parse(since!) - NOON) / 1000, (Date.parse(until!) - NOON) / 1000, groups[0]?.count];
    };
    expect(answer()).toEqual([-2, 0, undefined]);
    window.add(gauge(-2, 1));
    window.add(gauge(-0.001, 2));
    expect(answer()).toEqual([-2, 0, 2]);
    window.add(gauge(0.01, 3));
    expect(answer()).toEqual([-1, 1, 2]);
    clock.now += 1000;
    expect(answer()).toEqual([-1, 1, 2]);
    // idle, it goes on all the same
    clock.now += 1000;
    expect(answer()).toEqual([0, 2, 1]);
    // put back, it hides nothing
    clock.now = NOON + 500;
    expect(answer()).toEqual([-1, 1, 2]);
    expect(window.analyze({ until: clock.now, lengthMs: 1000 }).groups).toMatchObject([{ count: 1 }]);
  });

  it('can be of more lengths than are kept added up', () => {
    const { clock, window } = windowAt(NOON);
    for (let i = 0; i < 50; i += 1) window.add(gauge(-50 + i, i));
    for (let round = 0; round < 3; round += 1) {
      for (let seconds = 1; seconds <= 12; seconds += 1) {
        const { groups } = window.analyze({ lengthMs: seconds * 1000, until: clock.now });
        const counts = Math.max(seconds - round, 0);
        expect(groups).toMatchObject(
          counts === 0 ? [] : [{ count: counts, first: 50 + round - seconds, last: 49 }],
        );
      }
      clock.now += 1000;
    }
  });

  it('that end earlier count less, though they take the place of one that ended later', () => {
    const { window } = windowAt(NOON);
    for (const second of [-12, -5]) window.add(gauge(second, second));
    for (let seconds = 30; seconds > 20; seconds -= 1) {
      const asked = { since: NOON - seconds * 1000, until: NOON };
      expect(window.analyze(asked).groups).toMatchObject([{ count: 2 }]);
    }
    for (let seconds = 20; seconds > 10; seconds -= 1) {
      const asked = { since: NOON - 10_000 - seconds * 1000, until: NOON - 10_000 };
      expect(window.analyze(asked).groups).toMatchObject([{ count: 1, last: -12 }]);
    }
  });

  it.each([
    [{ lengthMs: 0 }, 'lengthMs must be a whole number from 1 to 60000'],
    [{ lengthMs: 60_001 }, 'lengthMs must be a whole number from 1 to 60000'],
    [{ lengthMs: 1000, since: NOON }, 'since and lengthMs exclude each other'],
    [{ groupBy: ['attr:phase'] }, 'groupBy must be of what the window keeps, got attr:phase'],
    [{ quantiles: [2] }, 'quantiles must be a number from 0 to 1, got 2'],
  ] as const)('that make no sense are refused: %j', (query, message) => {
    const { window } = windowAt(NOON);
    expect(() => window.analyze(query)).toThrow(message);
  });

  it.each([
    [{ lengthMs: 1500 }, 'lengthMs must be whole seconds, got 1500'],
    [{ maxSeries: 0 }, 'maxSeries must be'],
    [{ groupBy: ['shard'] }, 'groupBy of a window must be metric, agent or attr:NAME'],
  ] as const)('and so are options: %j', (options, message) => {
    expect(() => new Window(options)).toThrow(message);
  });

  it('of agents need agents to be kept; attributes are kept where that was asked for', () => {
    const { window } = windowAt(NOON, { groupBy: ['attr:phase'] });
    for (const phase of ['plan', 'act']) window.add(gauge(-1, 1, { attributes: { phase, task: 7 } }));
    expect(window.analyze({ groupBy: ['attr:phase'] }).groups).toMatchObject([
      { attributes: { phase: 'act' } },
      { attributes: { phase: 'plan' } },
    ]);
    expect(() => window.analyze({ agents: [1] })).toThrow('agents can be asked for only where');
  });
});
