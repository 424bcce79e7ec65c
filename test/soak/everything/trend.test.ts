import { describe, expect, it } from 'vitest';
import { Random } from '../../faults/random.js';
import type { Moment, ProcessSample } from './samples.js';
import { trend } from './trend.js';
import { descriptorGrowth, judge } from './verdict.js';

const DAY = 86_400;

/** Noise around a line, each value depending on the one before by a part. */
function noisy(random: Random, n: number, perDay: number, noise: number, part = 0) {
  let error = 0;
  return Array.from({ length: n }, (_, i) => {
    const normal = Array.from({ length: 12 }, () => random.next()).reduce((a, b) => a + b) - 6;
    error = part * error + noise * normal;
    return { time: i * 10, value: 50 + (perDay * i * 10) / DAY + error };
  });
}

describe('the trend of measurements', () => {
  it('of a line is its slope, and of nothing that changes nothing', () => {
    const line = trend(Array.from({ length: 60 }, (_, i) => ({ time: i * 10, value: 5 + i })));
    expect(line.perDay).toBeCloseTo(8640);
    expect([line.atLeastPerDay, line.atMostPerDay]).toEqual([line.perDay, line.perDay]);
    const level = trend(Array.from({ length: 60 }, (_, i) => ({ time: i * 10, value: 33 })));
    expect([level.perDay, level.atMostPerDay]).toEqual([0, 0]);
  });

  it('of too few measurements is unknown', () => {
    expect(trend([{ time: 0, value: 1 }]).atMostPerDay).toBeNaN();
  });

  it.each([0, 0.5, 0.8])(
    'has bounds that are right nine times of ten, where each value depends on the last by %f',
    (part) => {
      const random = new Random(5);
      const runs = Array.from({ length: 1000 }, () => trend(noisy(random, 150, 100, 0.2, part)));
      const above = runs.filter(({ atLeastPerDay }) => atLeastPerDay > 100).length / runs.length;
      const below = runs.filter(({ atMostPerDay }) => atMostPerDay < 100).length / runs.length;
      // A little more than 5 % where there is much dependence: the correlation itself is only estimated.
      expect(above).toBeGreaterThan(0.02);
      expect(above).toBeLessThan(part > 0.7 ? 0.1 : 0.08);
      expect(below).toBeLessThan(part > 0.7 ? 0.1 : 0.08);
    },
  );
});

describe('the verdict', () => {
  const moments = (
    live: (i: number) => number,
    rss: (i: number) => number,
    fds: (i: number) => number,
  ): Moment[] =>
    Array.from({ length: 150 }, (_, i) => {
      const process: ProcessSample = { live: live(i), rss: rss(i), descriptors: fds(i), lag: 0 };
      const processes = {
        analyzer: process,
        alerter: process,
        archiver: process,
        prometheus: process,
        up: process,
      };
      const rest = { ramMiB: 1, archiveMiB: 1, archiveFiles: 1, midnights: 1, scrapeMs: 1, answerMs: 1 };
      return { time: i * 10, processes, ...rest };
    });
  const verdict = (name: string, all: Moment[]) => judge(all, 10).find((each) => each.name === name)?.verdict;
  const level = () => 20;
  const leak = (i: number) => 20 + (100 * i * 10) / DAY;

  it('of memory that is level is below, and of a leak above', () => {
    expect(verdict('alerter: memory in use', moments(level, level, level))).toBe('below');
    expect(verdict('alerter: memory in use', moments(leak, level, level))).toBe('above');
    expect(verdict('alerter: resident memory', moments(level, leak, level))).toBe('above');
  });

  it('of resident memory that is too restless to tell is neither', () => {
    const restless = noisy(new Random(1), 150, 0, 10).map(({ value }) => value);
    const all = moments(
      (i) => restless[i]!,
      (i) => restless[i]!,
      level,
    );
    expect(verdict('alerter: resident memory', all)).toBe('not told');
    expect(verdict('alerter: memory in use', all)).toBe('above');
  });

  it('of descriptors minds the fewest, so that what opens and closes is no leak', () => {
    const busy = moments(level, level, (i) => 30 + (i % 9));
    expect(descriptorGrowth(busy)[0]).toEqual({ name: 'analyzer', first: 30, last: 30 });
    const leaking = moments(level, level, (i) => 30 + (i % 9) + (i > 75 ? 1 : 0));
    expect(descriptorGrowth(leaking)[0]).toEqual({ name: 'analyzer', first: 30, last: 31 });
  });
});
