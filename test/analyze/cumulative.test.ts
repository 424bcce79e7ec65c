import { describe, expect, it } from 'vitest';
import { analyze, type AnalyzeOptions } from '../../src/analyze/index.js';
import type { MetricRecord } from '../../src/record.js';

const NOON = Date.UTC(2026, 10, 21, 12);

/** A cumulative point of a writer that started ten seconds before the window. */
function point(second: number, value: number, fields: Partial<MetricRecord> = {}): MetricRecord {
  return {
    time: NOON + second * 1000,
    start: NOON - 10_000,
    agent: 'agent-1',
    metric: 'requests',
    type: 'counter',
    temporality: 'cumulative',
    writer: 'w1',
    value,
    ...fields,
  };
}

function only(records: readonly MetricRecord[], options: AnalyzeOptions = { since: NOON }) {
  const { groups } = analyze(records, options);
  expect(groups).toHaveLength(1);
  return groups[0]!;
}

describe('counters', () => {
  it('count deltas as they are', () => {
    const deltas = [1, 5, 2].map((value, i) => point(i, value, { temporality: undefined }));
    expect(only(deltas)).toMatchObject({ count: 3, sum: 8, min: 1, max: 5, p50: 2, exact: true });
  });

  it('count cumulative points by how far they rise, from the first one in the window', () => {
    const points = [point(-1, 90), point(0, 100), point(10, 103), point(20, 103), point(30, 110)];
    expect(only(points)).toMatchObject({ count: 3, sum: 10, min: 0, max: 7, p50: 3 });
  });

  it('count all of a first point whose writer started in the window', () => {
    const start = NOON;
    expect(only([point(5, 4, { start }), point(6, 6, { start })])).toMatchObject({
      count: 2,
      sum: 6,
      max: 4,
    });
  });

  it('count all of a first point where the window has no begin', () => {
    const points = [point(5, 4), point(6, 6)];
    expect(only(points, {})).toMatchObject({ count: 2, sum: 6 });
    expect(only([point(5, 4, { start: undefined })], {})).toMatchObject({ count: 1, sum: 4 });
  });

  it('have a group without increments where only the first point is known', () => {
    expect(only([point(5, 4)])).toMatchObject({ count: 0, sum: 0, avg: null, p99: null });
    expect(only([point(5, 4, { start: undefined })])).toMatchObject({ count: 0, sum: 0 });
  });

  it('take a restart for what it is, a new writer or a new start', () => {
    const again = { writer: 'w2', start: NOON + 11_000 };
    expect(only([point(0, 100), point(10, 105), point(20, 3, again), point(30, 4, again)])).toMatchObject({
      count: 3,
      sum: 9,
    });
    const anew = { start: NOON + 11_000 };
    expect(only([point(0, 100), point(10, 105), point(20, 3, anew)])).toMatchObject({ count: 2, sum: 8 });
  });

  it('keep streams apart that go through one another', () => {
    const streams: Partial<MetricRecord>[] = [
      {},
      { writer: 'w2' },
      { agent: 'agent-2' },
      { scope: 's' },
      { attributes: { a: 1 } },
      { attributes: { a: '1' } },
      { start: NOON - 9 },
    ];
    const rounds = [0, 1, 2].map((round) =>
      streams.map((fields, i) => point(round, 1000 - i * 100 + round * (i + 1), fields)),
    );
    expect(only(rounds.flat())).toMatchObject({ count: 14, sum: 2 * (1 + 2 + 3 + 4 + 5 + 6 + 7) });
  });

  it('know a series whatever the order of its attributes', () => {
    const points = [point(0, 5, { attributes: { a: 1, b: 2 } }), point(1, 6, { attributes: { b: 2, a: 1 } })];
    expect(only(points)).toMatchObject({ count: 1, sum: 1 });
  });

  it('start anew from a value that fell without a new start', () => {
    expect(only([point(0, 100), point(1, 3), point(2, 5)])).toMatchObject({ count: 1, sum: 2 });
  });

  it('pass over NaN', () => {
    expect(only([point(0, 100), point(1, NaN), point(2, 105)])).toMatchObject({ count: 1, sum: 5, nan: 1 });
  });

  it('stay at an infinity they have reached', () => {
    expect(only([point(0, 1), point(1, Infinity), point(2, Infinity)])).toMatchObject({
      count: 2,
      sum: Infinity,
      min: 0,
    });
  });
});

describe('up-down counters', () => {
  const level = { type: 'updowncounter' } as const;

  it('add up deltas', () => {
    const deltas = [3, -1, -4].map((value, i) => point(i, value, { ...level, temporality: undefined }));
    expect(only(deltas)).toMatchObject({ count: 3, sum: -2, min: -4, max: 3, p50: -1 });
  });

  it('add up the last cumulative value of each writer, and keep statistics of the points', () => {
    const points = [
      point(0, 10, level),
      point(1, 7, level),
      point(2, 20, { ...level, writer: 'w2' }),
      point(3, 9, level),
    ];
    expect(only(points)).toMatchObject({ count: 4, sum: 29, avg: 11.5, min: 7, max: 20, p50: 9.5 });
  });

  it('forget the value of a series that its writer started anew, and the older of two points', () => {
    const points = [point(0, 10, level), point(2, 4, { ...level, start: NOON }), point(1, 99, level)];
    expect(only(points)).toMatchObject({ count: 3, sum: 4 });
  });

  it('pass over NaN', () => {
    expect(only([point(0, 10, level), point(1, NaN, level)])).toMatchObject({ count: 1, sum: 10, nan: 1 });
  });
});

describe('drops', () => {
  it('count by their rise where a writer has them cumulative', () => {
    const drops = [point(0, 5), point(1, 7)].map((record) => ({ ...record, metric: 'cfn.metrics.dropped' }));
    expect(analyze(drops, { since: NOON }).dropped).toBe(2);
  });
});
