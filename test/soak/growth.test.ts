import { describe, expect, it } from 'vitest';
import { growth } from './growth.js';

describe('growth', () => {
  it('of a line is its slope, and the bound is the same', () => {
    const line = Array.from({ length: 100 }, (_, i) => ({ time: i * 10, value: 50 + i }));
    expect(growth(line).perDay).toBeCloseTo(8640);
    expect(growth(line).atMostPerDay).toBeCloseTo(8640);
    expect(growth(line).atLeastPart).toBeCloseTo(99 / 99.5);
  });

  it('of a sawtooth is nearly none, and the bound narrows with time', () => {
    const saw = (length: number) =>
      growth(Array.from({ length }, (_, i) => ({ time: i * 10, value: 100 + (i % 7) })));
    expect(saw(70).atLeastPart).toBeLessThan(0);
    expect(saw(700).atMostPerDay).toBeLessThan(saw(70).atMostPerDay);
  });

  it('of too few measurements is unknown', () => {
    expect(growth([{ time: 0, value: 1 }]).atMostPerDay).toBeNaN();
  });
});
