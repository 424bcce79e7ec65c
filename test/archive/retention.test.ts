import { describe, expect, it } from 'vitest';
import { planHot, type HotFile } from '../../src/archive/hot.js';
import { expiredSegments, type Retained } from '../../src/archive/retention.js';
import { isDue } from '../../src/archive/rotation.js';

const NOW = Date.parse('2026-11-21T12:00:00Z');

function segment(date: string, shard = 0, bytes = 100, first = ''): Retained {
  return { name: `cfn-metrics-${date}-${shard}.jsonl`, date, first, bytes };
}

describe('retention', () => {
  it('keeps the days that it promises, by the date in the name', () => {
    const days = ['20261022', '20261021', '20261121', '20261020', '20261120'];
    const expired = expiredSegments(
      days.map((day) => segment(day)),
      0,
      { days: 31 },
      NOW,
    );
    expect(expired).toEqual([{ name: segment('20261020').name, reason: 'age' }]);
    expect(
      expiredSegments(
        days.map((day) => segment(day)),
        0,
        { days: 30 },
        NOW,
      ),
    ).toHaveLength(2);
  });

  it('lets go the oldest first until the rest fits, whatever else is there', () => {
    const segments = [
      segment('20261120', 1),
      segment('20261119', 1),
      segment('20261119', 0),
      segment('20261118'),
    ];
    const expired = expiredSegments(segments, 50, { days: 30, maxBytes: 250 }, NOW);
    expect(expired).toEqual([
      { name: segment('20261118').name, reason: 'size' },
      { name: segment('20261119', 0).name, reason: 'size' },
    ]);
    expect(expiredSegments(segments, 5000, { days: 30, maxBytes: 250 }, NOW)).toHaveLength(4);
  });

  it('knows the oldest of a day by its records, whatever number it has', () => {
    const segments = ['12', '09', '11'].map((hour, i) => ({
      ...segment('20261120', i),
      first: `2026-11-20T${hour}:00:00.000Z`,
    }));
    const expired = expiredSegments(segments, 0, { days: 30, maxBytes: 100 }, NOW);
    expect(expired.map(({ name }) => name)).toEqual([segments[1]!.name, segments[2]!.name]);
  });

  it('counts what goes by age towards the size', () => {
    const segments = [segment('20260101', 0, 1000), segment('20261120'), segment('20261121')];
    expect(expiredSegments(segments, 0, { days: 30, maxBytes: 250 }, NOW)).toEqual([
      { name: segment('20260101').name, reason: 'age' },
    ]);
  });

  it('deletes nothing that is of tomorrow, or of no day that there is', () => {
    const segments = [segment('20261122'), segment('20269999')];
    expect(expiredSegments(segments, 0, { days: 1 }, NOW)).toEqual([]);
  });
});

function hot(name: string, changes: Partial<HotFile> = {}): HotFile {
  const [date, shard] = name.split('-');
  return {
    ...{ name, shard: Number(shard), date: date === 'live' ? undefined : date },
    ...{ bytes: 100, archived: date !== 'live', ageMs: 1000, quietMs: 1000 },
    ...changes,
  };
}

describe('what stays in RAM', () => {
  const policy = { retentionMs: 10_000, maxBytes: 250, floorMs: 500 };

  it('is everything while there is room', () => {
    expect(planHot([hot('live-0'), hot('20261121-0')], policy)).toEqual({ release: [], seal: undefined });
  });

  it('is not what is old, and archived', () => {
    const files = [
      hot('20261119-0', { ageMs: 10_000 }),
      hot('20261119-1', { ageMs: 10_000, archived: false }),
      hot('20261120-0', { ageMs: 9999, bytes: 1 }),
    ];
    expect(planHot(files, policy).release).toEqual([{ name: '20261119-0', reason: 'age' }]);
  });

  it('is what is not archived, or grew a short time ago, however full it is', () => {
    const files = [
      hot('20261119-0', { archived: false, bytes: 1000 }),
      hot('20261119-1', { quietMs: 499, ageMs: 1e9 }),
    ];
    expect(planHot(files, policy)).toEqual({ release: [], seal: undefined });
  });

  it('loses the oldest first when there is too much', () => {
    const files = [hot('20261121-0'), hot('20261120-1'), hot('20261120-0'), hot('live-0', { bytes: 10 })];
    expect(planHot(files, policy).release).toEqual([{ name: '20261120-0', reason: 'size' }]);
    const sameDay = [hot('20261120-0', { bytes: 200 }), hot('20261120-1', { ageMs: 2000 })];
    expect(planHot(sameDay, policy).release).toEqual([{ name: '20261120-1', reason: 'size' }]);
  });

  it('is sealed, the largest shard first, when that is the only way out', () => {
    const live = [hot('live-0', { bytes: 200 }), hot('live-1', { bytes: 300 })];
    expect(planHot(live, policy).seal).toBe(1);
  });

  it('is not sealed while enough is on its way out', () => {
    const leaving = hot('20261121-1', { archived: false, bytes: 300 });
    expect(planHot([hot('live-0', { bytes: 240 }), leaving], policy).seal).toBeUndefined();
    expect(planHot([hot('live-0', { bytes: 700 }), leaving], policy).seal).toBe(0);
  });
});

describe('a shard is due', () => {
  const midnight = Date.parse('2026-11-21T00:00:00Z');
  const due = (first: number, now: number, rotate: 'daily' | 'hourly' = 'daily') =>
    isDue({ first, bytes: 1 }, { rotate }, now);

  it('after midnight UTC, or the full hour, however long ago that is', () => {
    expect(due(midnight - 1, midnight - 1)).toBe(false);
    expect(due(midnight - 1, midnight + 2000)).toBe(true);
    expect(due(midnight - 1, midnight + 5 * 86_400_000 + 2000)).toBe(true);
    expect(due(midnight, midnight + 2 * 3_600_000)).toBe(false);
    expect(due(midnight, midnight + 3_600_000 + 2000, 'hourly')).toBe(true);
  });

  it('once a day, and not when the clock goes back', () => {
    expect(due(midnight + 1, midnight + 10_000)).toBe(false);
    expect(due(midnight + 1, midnight - 10_000)).toBe(false);
    expect(due(midnight + 1, midnight - 30 * 86_400_000)).toBe(false);
  });

  it('not before the stragglers of midnight are in', () => {
    expect(due(midnight - 1, midnight + 1999)).toBe(false);
  });

  it('when it is too large, and never when it is empty', () => {
    const policy = { rotate: 'daily', rotateBytes: 100 } as const;
    expect(isDue({ first: midnight, bytes: 100 }, policy, midnight)).toBe(true);
    expect(isDue({ first: midnight, bytes: 99 }, policy, midnight)).toBe(false);
    expect(isDue({ first: 0, bytes: 0 }, policy, midnight)).toBe(false);
  });
});
