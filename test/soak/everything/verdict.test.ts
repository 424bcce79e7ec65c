import { describe, expect, it } from 'vitest';
import { Random } from '../../faults/random.js';
import { noisy } from '../noisy.js';
import { growthOf } from './report.js';
import type { Moment, ProcessSample } from './samples.js';
import { descriptorGrowth, judge } from './verdict.js';

const DAY = 86_400;

describe('the verdict', () => {
  const moments = (
    live: (i: number) => number,
    lasting: (i: number) => number,
    fds: (i: number) => number,
    length = 180,
  ): Moment[] =>
    Array.from({ length }, (_, i) => {
      const own = lasting(i);
      const process: ProcessSample = {
        ...{ live: live(i), outside: own / 4, lasting: own, rss: 90, anonymous: 60 },
        ...{ descriptors: fds(i), lag: 0 },
      };
      const processes = {
        analyzer: process,
        alerter: process,
        archiver: process,
        prometheus: process,
        up: process,
      };
      const rest = { ramMiB: 1, archiveMiB: 1, archiveFiles: 1, midnights: 1, scrapeMs: 1, answerMs: 1 };
      return { time: i * 30, processes, ...rest };
    });
  const verdict = (name: string, all: Moment[]) =>
    judge([all], 10).find((each) => each.name === name)?.verdict;
  const level = () => 20;
  const leak = (i: number) => 20 + (100 * i * 30) / DAY;

  it('of what comes and goes is that of what stays', () => {
    const bursts = (i: number) => 11 + (i % 3 === 0 ? 0 : 0.3 + ((i * 7919) % 5) / 10);
    expect(verdict('archiver: resident memory', moments(level, bursts, level))).toBe('below');
    const leaking = moments(level, (i) => bursts(i) + leak(i), level);
    expect(verdict('archiver: resident memory', leaking)).toBe('above');
  });

  it('of memory that is level is below, and of a leak above; of its parts there is none', () => {
    expect(verdict('alerter: resident memory', moments(level, level, level))).toBe('below');
    expect(verdict('alerter: resident memory', moments(level, leak, level))).toBe('above');
    expect(verdict('alerter: memory in use', moments(leak, leak, level))).toBeUndefined();
    expect(verdict("alerter: outside of V8's heap", moments(level, leak, level))).toBeUndefined();
  });

  it('of memory that is too restless to tell is neither, and fails a run', () => {
    const restless = noisy(new Random(1), 180, 0, 10).map(({ value }) => value);
    const all = moments(
      (i) => restless[i]!,
      (i) => restless[i]!,
      level,
    );
    expect(verdict('alerter: resident memory', all)).toBe('not told');
    const { failures } = growthOf([{ moments: all, durationMs: 5_400_000, warmUpMs: 0 }], 10);
    expect(failures).toContain('alerter: resident memory is not known to grow by less than 10 MiB a day');
    expect(failures).toHaveLength(5);
  });

  it('of resident memory that went up for some minutes is rarely that it grows, as of memory that went down', () => {
    const random = new Random(11);
    const found: (string | undefined)[] = [];
    for (let run = 0; run < 300; run += 1) {
      // steps that last for minutes, below what comes and goes
      const steps = noisy(random, 180, 0, 0.04, 0.94);
      const passing = noisy(random, 180, 0, 0.2);
      const all = moments(level, (i) => steps[i]!.value + passing[i]!.value, level);
      found.push(judge([all], 0).find(({ name }) => name === 'alerter: resident memory')?.verdict);
    }
    const part = (verdict: string): number => found.filter((each) => each === verdict).length / found.length;
    expect(part('above')).toBeLessThan(0.1);
    expect(part('below')).toBeLessThan(0.1);
    expect(part('above')).toBeGreaterThan(0);
  });

  it('of descriptors minds the fewest, so that what opens and closes is no leak', () => {
    const busy = moments(level, level, (i) => 30 + (i % 9));
    expect(descriptorGrowth(busy)[0]).toEqual({ name: 'analyzer', first: 30, last: 30 });
    const leaking = moments(level, level, (i) => 30 + (i % 9) + (i > 75 ? 1 : 0));
    expect(descriptorGrowth(leaking)[0]).toEqual({ name: 'analyzer', first: 30, last: 31 });
  });
});
