import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyze, type AnalyzeOptions, type GroupKey } from '../../src/analyze/index.js';
import { MetricsError } from '../../src/errors.js';
import type { MetricRecord } from '../../src/record.js';

const NOON = Date.UTC(2026, 10, 21, 12);

function record(fields: Partial<MetricRecord> = {}): MetricRecord {
  return { time: NOON, agent: 'agent-1', metric: 'm', value: 1, ...fields };
}

function gauges(...values: number[]): MetricRecord[] {
  return values.map((value) => record({ value }));
}

describe('an empty answer', () => {
  it('has no groups and no times', () => {
    expect(analyze([])).toEqual({
      since: null,
      until: null,
      groups: [],
      mixed: [],
      records: 0,
      dropped: 0,
    });
  });

  it('shows the times that were asked for', () => {
    const { since, until } = analyze([], { since: NOON, until: NOON + 1 });
    expect([since, until]).toEqual(['2026-11-21T12:00:00.000Z', '2026-11-21T12:00:00.001Z']);
  });
});

describe('gauges', () => {
  it('count with every value', () => {
    const [group] = analyze(gauges(4, 1, 3, 2)).groups;
    expect(group).toStrictEqual({
      metric: 'm',
      type: 'gauge',
      count: 4,
      sum: 10,
      rate: null,
      avg: 2.5,
      stddev: Math.sqrt(1.25),
      min: 1,
      max: 4,
      p50: 2.5,
      p90: 3.7,
      p95: 3.8499999999999996,
      p99: 3.9699999999999998,
      quantiles: {},
      first: 4,
      last: 2,
      delta: -2,
      exact: true,
      error: 0,
      nan: 0,
    });
  });

  it('agree with a plain sort and the definition, however many there are', () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
      fc.integer(),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), (values) => {
        const group = analyze(gauges(...values)).groups[0]!;
        const sorted = values.toSorted((a, b) => a - b);
        const close = (x: number) => expect.closeTo(x, 4);
        expect(group).toMatchObject({
          count: values.length,
          sum: close(values.reduce((a, b) => a + b)),
          avg: close(values.reduce((a, b) => a + b) / values.length),
          p50: close(oracle(sorted, 0.5)),
          p95: close(oracle(sorted, 0.95)),
          p99: close(oracle(sorted, 0.99)),
        });
        expect(group.min! + 0).toBe(sorted[0]! + 0);
        expect(group.max! + 0).toBe(sorted.at(-1)! + 0);
      }),
    );
  });

  it('show NaN apart, and nothing else of it', () => {
    const [group] = analyze(gauges(NaN, 2, NaN)).groups;
    expect(group).toMatchObject({ count: 1, sum: 2, avg: 2, min: 2, max: 2, p50: 2, nan: 2 });
    const [empty] = analyze(gauges(NaN)).groups;
    expect(empty).toMatchObject({ count: 0, sum: 0, avg: null, min: null, max: null, p50: null, nan: 1 });
  });

  it('keep infinities', () => {
    const [one] = analyze(gauges(1, 2, Infinity)).groups;
    expect(one).toMatchObject({ count: 3, sum: Infinity, avg: Infinity, min: 1, max: Infinity, p50: 2 });
    const [both] = analyze(gauges(-Infinity, 7, Infinity)).groups;
    expect(both).toMatchObject({ sum: NaN, avg: NaN, min: -Infinity, max: Infinity, p50: 7, p99: Infinity });
  });

  it('have a mean even where their sum is no double', () => {
    const [group] = analyze(gauges(1.5e308, 1.5e308, 1.5e308)).groups;
    expect(group).toMatchObject({ sum: Infinity, avg: 1.5e308, p50: 1.5e308 });
  });

  it('add up without the error of each addition', () => {
    expect(analyze(gauges(1, 1e100, 1, -1e100)).groups[0]!.sum).toBe(2);
    const tenths = gauges(...Array.from({ length: 1000 }, () => 0.1));
    expect(analyze(tenths).groups[0]).toMatchObject({ sum: 100, avg: 0.1 });
  });

  it('have a mean within their range', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.integer({ min: 1, max: 40 }), (value, count) => {
        const [group] = analyze(gauges(...Array.from({ length: count }, () => value))).groups;
        expect(group!.avg! + 0).toBe(value + 0);
      }),
    );
  });
});

describe('the window', () => {
  it('holds its begin and not its end', () => {
    const records = [-1, 0, 1, 2].map((ms) => record({ time: NOON + ms, value: ms }));
    const answer = analyze(records, { since: NOON, until: NOON + 2 });
    expect(answer).toMatchObject({
      records: 2,
      since: '2026-11-21T12:00:00.000Z',
      until: '2026-11-21T12:00:00.002Z',
    });
    expect(answer.groups[0]).toMatchObject({ count: 2, min: 0, max: 1 });
  });

  it('is that of the records that counted where none was asked for', () => {
    const records = [5, 1, 9].map((ms) => record({ time: NOON + ms }));
    const others = [
      record({ time: NOON - 9, metric: 'other' }),
      record({ time: NOON + 99, metric: 'target_info' }),
    ];
    expect(analyze([...records, ...others], { metrics: ['m'] })).toMatchObject({
      since: '2026-11-21T12:00:00.001Z',
      until: '2026-11-21T12:00:00.009Z',
      records: 3,
    });
  });

  it('that goes on until now is not stretched by what is more than a minute ahead of it', () => {
    const since = NOON - 10_000;
    const times = [NOON - 1, NOON + 60_000, NOON + 60_001, NOON + 3_600_000];
    const records = times.map((time) => record({ time, type: 'counter' }));
    records.push(record({ time: NOON + 3_600_000, metric: 'other' }));
    expect(analyze(records, { since, now: NOON, metrics: ['m'] })).toMatchObject({
      records: 2,
      ahead: 3,
      until: '2026-11-21T12:01:00.000Z',
      groups: [{ sum: 2, rate: 2 / 70 }],
    });
    expect(analyze(records.slice(0, 1), { since, now: NOON })).toMatchObject({ ahead: 0, records: 1 });
    expect(analyze([], { since, now: since - 1 }).until).toBe('2026-11-21T11:59:50.000Z');
    for (const options of [
      { since },
      { now: NOON },
      { since, now: since - 1 },
      { since, now: NOON, until: NOON + 3_600_001 },
    ]) {
      const answer = analyze(records, options);
      expect(answer.records).toBe(5);
      expect(answer).not.toHaveProperty('ahead');
    }
  });
});

describe('filters', () => {
  it('take metrics by pattern', () => {
    const records = ['time_ms', 'time_s', 'memory_mb'].map((metric) => record({ metric }));
    const names = (metrics?: string[]) => analyze(records, { metrics }).groups.map((group) => group.metric);
    expect(names(['time_*'])).toEqual(['time_ms', 'time_s']);
    expect(names(['memory_mb', '*_s'])).toEqual(['memory_mb', 'time_s']);
    expect(names(['TIME_*'])).toEqual([]);
    expect(names([])).toEqual([]);
    expect(names()).toEqual(['memory_mb', 'time_ms', 'time_s']);
  });

  it('take every form of an agent', () => {
    const records = ['agent-1', 'agent-42', '007', 'coder-7a'].map((agent) => record({ agent }));
    const agents = (wanted?: (string | number)[]) =>
      analyze(records, { agents: wanted, groupBy: ['agent'] }).groups.map((group) => group.agent);
    expect(agents([42])).toEqual(['agent-42']);
    expect(agents(['42'])).toEqual(['agent-42']);
    expect(agents(['agent-42', 'coder-7a'])).toEqual(['agent-42', 'coder-7a']);
    expect(agents(['007'])).toEqual(['007']);
    expect(agents([7])).toEqual([]);
    expect(agents([])).toEqual([]);
    expect(agents()).toEqual(['agent-1', 'agent-42', '007', 'coder-7a']);
  });
});

describe('what is about writers', () => {
  const drops = [
    record({ metric: 'cfn.metrics.dropped', type: 'counter', value: 3, attributes: { reason: 'full' } }),
    record({ metric: 'cfn.metrics.dropped', type: 'counter', value: 4, agent: 'agent-2' }),
    record({ metric: 'cfn.metrics.dropped', type: 'counter', value: 100, time: NOON - 1000 }),
    record({ metric: 'target_info' }),
  ];

  it('makes no groups, and drops are added up', () => {
    expect(analyze(drops, { since: NOON })).toMatchObject({ groups: [], records: 0, dropped: 7 });
  });

  it('shows drops whatever metrics and agents were asked for', () => {
    expect(analyze(drops, { metrics: ['x'], agents: [9] })).toMatchObject({
      groups: [],
      records: 0,
      dropped: 107,
    });
  });
});

describe('groups', () => {
  it('keep kinds and units of one metric apart, in a fixed order', () => {
    const records = [
      record({ unit: 's', type: 'counter' }),
      record({ unit: 'ms' }),
      record({ type: 'gauge', unit: '' }),
      record({ unit: 's' }),
      record(),
      record({ unit: 'ms' }),
    ];
    const kinds = analyze(records).groups.map(({ type, unit, count }) => [type, unit, count]);
    expect(kinds).toEqual([
      ['gauge', undefined, 2],
      ['gauge', 'ms', 2],
      ['gauge', 's', 1],
      ['counter', 's', 1],
    ]);
  });

  it('by agent keep metrics apart and number agents as numbers', () => {
    const records = ['b', 'agent-10', 'agent-9', 'B'].flatMap((agent) =>
      ['y', 'x'].map((metric) => record({ agent, metric })),
    );
    const { groups } = analyze(records, { groupBy: ['agent'] });
    expect(groups.map(({ metric, agent }) => `${metric} ${agent}`)).toEqual(
      ['x', 'y'].flatMap((metric) => ['agent-9', 'agent-10', 'B', 'b'].map((agent) => `${metric} ${agent}`)),
    );
  });

  it('by attribute take a value as text, and absence as a group of its own', () => {
    const values = [1, '1', true, ['a', 'b'], '', undefined];
    const records = values.map((x) => record(x === undefined ? {} : { attributes: { x, other: 1 } }));
    const { groups } = analyze(records, { groupBy: ['metric', 'attr:x'] });
    expect(groups.map(({ attributes, count }) => [attributes, count])).toEqual([
      [{}, 1],
      [{ x: '' }, 1],
      [{ x: '1' }, 2],
      [{ x: '["a","b"]' }, 1],
      [{ x: 'true' }, 1],
    ]);
  });

  it('by several keys, order by the first key first', () => {
    const records = ['a', 'b'].flatMap((x) =>
      [2, 1].map((n) => record({ agent: `agent-${n}`, attributes: { x } })),
    );
    const order = (groupBy: GroupKey[]) =>
      analyze(records, { groupBy }).groups.map((group) => `${group.agent} ${group.attributes?.['x']}`);
    expect(order(['agent', 'attr:x'])).toEqual(['agent-1 a', 'agent-1 b', 'agent-2 a', 'agent-2 b']);
    expect(order(['attr:x', 'agent', 'agent'])).toEqual(['agent-1 a', 'agent-2 a', 'agent-1 b', 'agent-2 b']);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a:b'])(
    'by an attribute named %s',
    (name) => {
      const attributes = JSON.parse(`{${JSON.stringify(name)}:"x"}`);
      const { groups } = analyze([record({ attributes }), record({ attributes: {} }), record()], {
        groupBy: [`attr:${name}`],
      });
      expect(groups.map((group) => [Object.entries(group.attributes!), group.count])).toEqual([
        [[], 2],
        [[[name, 'x']], 1],
      ]);
      expect(JSON.stringify(groups[1])).toContain(`"attributes":{${JSON.stringify(name)}:"x"}`);
      expect(Object.getPrototypeOf(groups[1]!.attributes)).toBe(Object.prototype);
    },
  );

  it('do not depend on the order of the records', () => {
    const some = fc.record({
      agent: fc.constantFrom('agent-1', 'agent-2', 'x'),
      metric: fc.constantFrom('a', 'b', 'toString'),
      value: fc.integer({ min: -1000, max: 1000 }),
      unit: fc.constantFrom(undefined, 'ms'),
      attributes: fc.constantFrom(undefined, { p: 'x' }, { p: 1 }),
    });
    const both = fc
      .array(some, { maxLength: 40 })
      .chain((items) =>
        fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length })),
      );
    fc.assert(
      fc.property(both, ([a, b]) => {
        const options: AnalyzeOptions = { groupBy: ['agent', 'attr:p'] };
        const answer = analyze(a.map(record), options);
        // Of records of one time the order says which is the first, and the last bits of a root may differ.
        const groups = answer.groups.map(({ first, last, delta, stddev, ...group }) => ({
          ...group,
          stddev: expect.closeTo(stddev!, 9),
        }));
        expect(analyze(b.map(record), options)).toMatchObject({ ...answer, groups });
        expect(answer.groups.reduce((sum, group) => sum + group.count, 0)).toBe(a.length);
      }),
    );
  });
});

describe('options', () => {
  it.each([
    [{ since: NaN }, 'since must be Unix milliseconds, got NaN'],
    [{ until: '30s' }, 'until must be Unix milliseconds, got "30s"'],
    [{ since: 1e300 }, 'since must be Unix milliseconds, got 1e+300'],
    [{ since: 2, until: 1 }, 'until must not be before since, got 1 before 2'],
    [{ groupBy: ['host'] }, 'groupBy must be metric, agent, shard or attr:NAME, got "host"'],
    [{ groupBy: ['attr:'] }, 'groupBy must be metric, agent, shard or attr:NAME, got "attr:"'],
    [{ agents: [''] }, 'agents: agent must be 1 to 128 characters without control characters, got ""'],
    [{ metrics: [1] }, 'metrics must be patterns, got 1'],
  ])('%j is refused before a record is read', (options, message) => {
    const unread: Iterable<MetricRecord> = {
      [Symbol.iterator]() {
        throw new Error('read');
      },
    };
    const run = () => analyze(unread, options as AnalyzeOptions);
    expect(run).toThrow(MetricsError);
    expect(run).toThrow(message);
  });
});

function oracle(sorted: readonly number[], q: number): number {
  const h = (sorted.length - 1) * q;
  const lower = sorted[Math.floor(h)]!;
  return lower + (sorted[Math.ceil(h)]! - lower) * (h - Math.floor(h));
}
