import { describe, expect, it } from 'vitest';
import { Random } from '../faults/random.js';
import { noisy } from './noisy.js';
import { together, trend } from './trend.js';

describe('the trend of measurements', () => {
  it('of a line is its slope, and of nothing that changes nothing', () => {
    const line = trend(Array.from({ length: 60 }, (_, i) => ({ time: i * 10, value: 5 + i })));
    expect(line.perDay).toBeCloseTo(8640);
    expect([line.atLeastPerDay, line.atMostPerDay]).toEqual([line.perDay, line.perDay]);
    const level = trend(Array.from({ length: 60 }, (_, i) => ({ time: i * 10, value: 33 })));
    expect([level.perDay, level.atMostPerDay, level.atLeastPart]).toEqual([0, 0, 0]);
  });

  it('of a line is a part of its mean, of which all is sure', () => {
    const line = trend(Array.from({ length: 100 }, (_, i) => ({ time: i * 10, value: 50 + i })));
    expect(line.perDay).toBeCloseTo(8640);
    expect(line.atMostPerDay).toBeCloseTo(8640);
    expect(line.part).toBeCloseTo(99 / 99.5);
    expect(line.atLeastPart).toBeCloseTo(99 / 99.5);
  });

  it('of a sawtooth is nearly none, and the bound narrows with time', () => {
    const saw = (length: number) =>
      trend(Array.from({ length }, (_, i) => ({ time: i * 10, value: 100 + (i % 7) })));
    expect(saw(70).atLeastPart).toBeLessThan(0);
    expect(saw(700).atMostPerDay).toBeLessThan(saw(70).atMostPerDay);
  });

  it('of too few measurements is unknown', () => {
    expect(trend([{ time: 0, value: 1 }]).atMostPerDay).toBeNaN();
  });

  it('of a curve has no bounds, but is a part of its mean all the same', () => {
    const curve = trend(Array.from({ length: 90 }, (_, i) => ({ time: i * 10, value: 100 + (i / 15) ** 2 })));
    expect(curve.atLeastPart).toBeNaN();
    expect(curve.part).toBeGreaterThan(0.3);
  });

  it.each([0, 0.5, 0.8])(
    'has bounds that are right nine times of ten, where each value depends on the last by %f',
    (part) => {
      const random = new Random(5);
      const runs = Array.from({ length: 1000 }, () => trend(noisy(random, 150, 100, 0.2, part)));
      const above = runs.filter(({ atLeastPerDay }) => atLeastPerDay > 100).length / runs.length;
      const below = runs.filter(({ atMostPerDay }) => atMostPerDay < 100).length / runs.length;
      for (const wrong of [above, below]) {
        expect(wrong).toBeGreaterThan(0.02);
        expect(wrong).toBeLessThan(0.08);
      }
    },
  );

  it('of few measurements, each much like the last, says that it cannot tell, or is right', () => {
    const random = new Random(9);
    const runs = Array.from({ length: 1000 }, () => trend(noisy(random, 17, 100, 0.2, 0.85)));
    const wrong = runs.filter(({ atLeastPerDay }) => atLeastPerDay > 100).length / runs.length;
    expect(wrong).toBeLessThan(0.08);
    expect(runs.filter(({ atLeastPerDay }) => Number.isNaN(atLeastPerDay)).length).toBeGreaterThan(300);
  });
});

describe('several runs together', () => {
  it('know more than each, and are as often right as they say', () => {
    const random = new Random(7);
    let [beyond, narrower] = [0, 0];
    const rounds = 400;
    for (let round = 0; round < rounds; round += 1) {
      const runs = [1, 2, 5].map((restless) => trend(noisy(random, 120, 0, restless)));
      const all = together(runs);
      const margin = all.atMostPerDay - all.perDay;
      if (all.atMostPerDay < 0) beyond += 1;
      if (runs.every((run) => margin < run.atMostPerDay - run.perDay)) narrower += 1;
    }
    expect(narrower).toBe(rounds);
    expect(beyond / rounds).toBeGreaterThan(0.01);
    expect(beyond / rounds).toBeLessThan(0.09);
  });

  it('find a leak that is in all of them, and go by the one that is sure', () => {
    const leak = (i: number) => ({ time: i * 10, value: 20 + i / 100 });
    const sure = trend(Array.from({ length: 100 }, (_, i) => leak(i)));
    const restless = trend(noisy(new Random(3), 100, 0, 50));
    expect(together([restless, sure]).atLeastPerDay).toBeCloseTo(86.4, 1);
    expect(together([sure]).perDay).toBe(sure.perDay);
  });

  it('are those that say something', () => {
    const unknown = trend([{ time: 0, value: 1 }]);
    const known = trend(noisy(new Random(1), 60, 0, 1));
    expect(together([unknown, known])).toEqual(known);
    expect(together([unknown, unknown]).atMostPerDay).toBeNaN();
  });
});
