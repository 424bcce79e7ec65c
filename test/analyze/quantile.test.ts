import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantile } from '../../src/analyze/quantile.js';
import { MetricsError } from '../../src/errors.js';

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const values = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 50 });

function sorted(...items: number[]): Float64Array {
  return Float64Array.from(items).sort();
}

describe('quantile', () => {
  it('gives the doubles that numpy.quantile gives', () => {
    // numpy 2.4.6: np.quantile([3.7, 1.2, 9.9, 4.4, -2.5, 0.1, 7.3], q)
    const few = sorted(3.7, 1.2, 9.9, 4.4, -2.5, 0.1, 7.3);
    const fromFew: [number, number][] = [
      [0, -2.5],
      [0.25, 0.65],
      [0.5, 3.7],
      [0.95, 9.119999999999997],
      [0.99, 9.744],
      [1, 9.9],
    ];
    for (const [q, expected] of fromFew) expect(quantile(few, q)).toBe(expected);

    // np.quantile(np.arange(1, 11) * 0.1, q)
    const tenths = sorted(...Array.from({ length: 10 }, (_, i) => (i + 1) * 0.1));
    const fromTenths: [number, number][] = [
      [0.5, 0.55],
      [0.95, 0.9549999999999998],
      [0.99, 0.991],
      [0.333, 0.39970000000000006],
    ];
    for (const [q, expected] of fromTenths) expect(quantile(tenths, q)).toBe(expected);

    // the example in the documentation of numpy.percentile
    expect(quantile(sorted(10, 7, 4, 3, 2, 1), 0.5)).toBe(3.5);
  });

  it('is NaN of nothing, and of one value that value', () => {
    expect(quantile([], 0.5)).toBeNaN();
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fraction, (value, q) => {
        expect(quantile([value], q)).toBe(value);
      }),
    );
  });

  it('is never NaN and never outside of the values on both sides', () => {
    fc.assert(
      fc.property(values, fraction, (items, q) => {
        const all = sorted(...items);
        const h = (all.length - 1) * q;
        const value = quantile(all, q);
        expect(value).toBeGreaterThanOrEqual(all[Math.floor(h)]!);
        expect(value).toBeLessThanOrEqual(all[Math.ceil(h)]!);
      }),
      { numRuns: 1000 },
    );
  });

  it('never falls as q rises', () => {
    fc.assert(
      fc.property(values, fraction, fraction, (items, a, b) => {
        const all = sorted(...items);
        expect(quantile(all, Math.min(a, b))).toBeLessThanOrEqual(quantile(all, Math.max(a, b)));
      }),
      { numRuns: 1000 },
    );
  });

  it('stays with an infinity beside it, and between both takes the nearer one', () => {
    expect(quantile([-Infinity, 5], 0.9)).toBe(-Infinity);
    expect(quantile([5, Infinity], 0.1)).toBe(Infinity);
    expect(quantile([-Infinity, Infinity], 0.49)).toBe(-Infinity);
    expect(quantile([-Infinity, Infinity], 0.5)).toBe(Infinity);
    expect(quantile([Infinity, Infinity], 0.5)).toBe(Infinity);
    expect(quantile([1, 2, Infinity], 0.5)).toBe(2);
  });

  it('interpolates between values whose distance is no double', () => {
    expect(quantile([-Number.MAX_VALUE, Number.MAX_VALUE], 0.5)).toBe(0);
    expect(quantile([-Number.MAX_VALUE, Number.MAX_VALUE], 0.75) / Number.MAX_VALUE).toBeCloseTo(0.5, 15);
  });

  it.each([-0.1, 1.1, NaN])('refuses %d', (q) => {
    expect(() => quantile([1], q)).toThrow(MetricsError);
    expect(() => quantile([1], q)).toThrow(`q must be a number from 0 to 1, got ${q}`);
  });
});
