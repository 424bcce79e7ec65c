import fc from 'fast-check';
import * as simple from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../src/analyze/index.js';
import { Memory } from '../../src/analyze/memory.js';
import { quantile } from '../../src/analyze/quantile.js';
import { atRanks } from '../../src/analyze/selected.js';
import { Values } from '../../src/analyze/values.js';
import type { MetricRecord } from '../../src/record.js';

const ASKED = [0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];
const number = fc.double({ noNaN: true });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e12, max: 1e12 });

function valuesOf(numbers: Iterable<number>, limit = Infinity): Values {
  const memory = new Memory(limit);
  const values = new Values(memory);
  for (const one of numbers) values.push(one);
  return values;
}

/** Numbers in no order, the same in each run: a full period of a congruential generator. */
function* shuffled(count: number, valueOf: (i: number) => number): Generator<number> {
  for (let i = 0; i < count; i += 1) yield valueOf((i * 48_271) % count);
}

describe('atRanks', () => {
  /** Those of one sort of all; which of both zeros it is does not matter. */
  function expectSorted(pieces: readonly Float64Array[]): void {
    const all = Float64Array.from(pieces.flatMap((piece) => [...piece])).sort();
    const ranks = [...all.keys()].reverse();
    // Of both zeros the one that stands on the wrong side.
    const [min, max] = [all[0]! + 0, all.at(-1)! === 0 ? -0 : all.at(-1)!];
    const found = atRanks(pieces, ranks, min, max);
    expect(found.map((one) => one + 0)).toEqual([...all].reverse().map((one) => one + 0));
  }

  it('finds what stands there after a sort of all, both zeros and infinities included', () => {
    const special = fc.constantFrom(0, -0, Infinity, -Infinity, 5e-324, -5e-324, 1.7976931348623157e308);
    const piece = fc.array(fc.oneof(number, special, fc.integer({ min: -3, max: 3 })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) =>
        expectSorted(pieces.map((numbers) => Float64Array.from(numbers))),
      ),
      { numRuns: 500 },
    );
  });

  it.each<[string, (i: number) => number]>([
    ['that are spread evenly', (i) => i - 5000],
    ['over all magnitudes', (i) => (i % 2 === 0 ? 1 : -1) * 1.1 ** (i % 7000)],
    ['that are nearly all alike', (i) => (i < 9990 ? 100 + i * 1e-13 : i * 1e300)],
    ['that differ in their last digits', (i) => 1 + i * Number.EPSILON],
    ['that are all the same', () => 42],
    ['of which half are zeros', (i) => (i % 4 === 0 ? 0 : i % 4 === 1 ? -0 : i - 5000)],
    ['from both zeros on', (i) => (i % 4 === 0 ? 0 : i % 4 === 1 ? -0 : i)],
    ['up to both zeros', (i) => (i % 4 === 0 ? 0 : i % 4 === 1 ? -0 : -i)],
    // From 4,095 keys below that of -0 on, so that 0 would be one behind the last of 4,096 buckets.
    ['that fill all buckets up to -0', (i) => (i % 2 === 1 ? -(i % 4096) * 2 ** 32 * 5e-324 : 0)],
    ['with infinities', (i) => (i % 3 === 0 ? Infinity : i % 3 === 1 ? -Infinity : i)],
    ['that are all negative', (i) => -Math.exp(i / 1000)],
  ])('finds them among many %s', (_, valueOf) => {
    const all = Float64Array.from(shuffled(10_000, valueOf));
    expectSorted([all.subarray(0, 1), all.subarray(1, 6000), all.subarray(6000)]);
  });

  it('changes nothing beside a part of a buffer', () => {
    const buffer = Float64Array.of(9, 3, -1, -2, 8);
    expect(atRanks([buffer.subarray(1, 4)], [2, 0, 1, 1], -2, 3)).toEqual([3, -2, -1, -1]);
    expect([buffer[0], buffer[4]]).toEqual([9, 8]);
  });
});

describe('values', () => {
  it('have the statistics that simple-statistics computes', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 300 }), (numbers) => {
        const { count, sum, mean, stddev, min, max } = valuesOf(numbers).spread();
        // Smaller ones have squares that simple-statistics loses.
        const size = Math.max(...numbers.map(Math.abs), 1e-100);
        expect({ count, min: min + 0, max: max + 0 }).toEqual({
          count: numbers.length,
          min: simple.min(numbers) + 0,
          max: simple.max(numbers) + 0,
        });
        expect(Math.abs(sum - simple.sum(numbers)) / size).toBeLessThan(1e-12);
        expect(Math.abs(mean! - simple.mean(numbers)) / size).toBeLessThan(1e-12);
        expect(Math.abs(stddev! - simple.standardDeviation(numbers)) / size).toBeLessThan(1e-7);
      }),
      { numRuns: 500 },
    );
  });

  it('have the quantiles of a plain sort, bit by bit, however many pieces there are', () => {
    for (const count of [1, 31, 32, 33, 5000, 32_768, 32_769, 100_003]) {
      const numbers = [...shuffled(count, (i) => (i % 977) - 400 + i / count)];
      const sorted = Float64Array.from(numbers).sort();
      expect(valuesOf(numbers).quantiles(ASKED)).toEqual(ASKED.map((q) => quantile(sorted, q)));
    }
  });

  it('can be asked in between, and go on', () => {
    const values = valuesOf([]);
    const numbers: number[] = [];
    for (const one of shuffled(70_001, (i) => Math.sin(i))) {
      values.push(one);
      numbers.push(one);
      if (numbers.length % 9973 !== 0) continue;
      const sorted = Float64Array.from(numbers).sort();
      expect(values.quantiles(ASKED)).toEqual(ASKED.map((q) => quantile(sorted, q)));
      expect(values.spread().count).toBe(numbers.length);
    }
  });

  it('keep the deviation of small differences beside a large mean', () => {
    const numbers = [...shuffled(100_000, (i) => 1e9 + (i % 3))];
    expect(valuesOf(numbers).spread().stddev).toBeCloseTo(simple.standardDeviation([0, 1, 2]), 4);
  });

  it.each([
    [[7, 7, 7], 0],
    // The mean is no double.
    [[1e16, 1e16 + 2], 1],
    [[1e-200, 3e-200], 1e-200],
    [[1e200, 3e200], 1e200],
    [[-Number.MAX_VALUE, Number.MAX_VALUE], Number.MAX_VALUE],
    [[1, Infinity], NaN],
  ])('deviate by as much as they do: %j', (numbers, expected) => {
    const { stddev } = valuesOf(numbers).spread();
    if (Number.isNaN(expected) || expected === 0) expect(stddev).toBe(expected);
    else expect(stddev! / expected).toBeCloseTo(1, 12);
  });
});

describe('values that take too much memory', () => {
  const LIMIT = 2 ** 20;

  it('fold: quantiles stay within the error that is told, everything else stays exact', () => {
    const scale = fc.integer({ min: -280, max: 280 });
    const sign = fc.constantFrom(1, -1);
    fc.assert(
      fc.property(scale, fc.integer({ min: 1, max: 20 }), sign, (exponent, spread, side) => {
        const numbers = [
          ...shuffled(150_001, (i) => side * 10 ** exponent * Math.exp((spread * i) / 150_001)),
        ];
        const values = valuesOf(numbers, LIMIT);
        const sorted = Float64Array.from(numbers).sort();
        expect(values.exact).toBe(false);
        expect(values.error).toBeLessThan(0.005);
        for (const [i, estimate] of values.quantiles(ASKED).entries()) {
          const exact = quantile(sorted, ASKED[i]!);
          expect(Math.abs(estimate! / exact - 1)).toBeLessThanOrEqual(values.error * (1 + 1e-9));
        }
        const { count, min, max, mean, stddev } = values.spread();
        expect([count, min, max]).toEqual([numbers.length, sorted[0], sorted.at(-1)]);
        expect(mean! / simple.mean(numbers)).toBeCloseTo(1, 12);
        // In units in which squares are doubles.
        const unit = 10 ** exponent;
        const deviation = simple.standardDeviation(numbers.map((one) => one / unit));
        expect(stddev! / unit / deviation).toBeCloseTo(1, 9);
      }),
      { numRuns: 10 },
    );
  });

  it('fold zeros, negatives and infinities as well', () => {
    const few = [-Infinity, -8, 0, 0, 8, Infinity];
    const values = valuesOf(
      shuffled(180_000, (i) => few[i % 6]!),
      LIMIT,
    );
    expect(values.exact).toBe(false);
    const [lowest, second, third, fourth, highest] = values.quantiles([0, 0.25, 0.5, 0.75, 1]);
    expect([lowest, third, highest]).toEqual([-Infinity, 0, Infinity]);
    expect(second! / -8).toBeCloseTo(1, 2);
    expect(fourth! / 8).toBeCloseTo(1, 2);
  });

  it('fold from the smallest double to the largest', () => {
    const numbers = [Number.MIN_VALUE, 1, Number.MAX_VALUE];
    const values = valuesOf(
      shuffled(180_000, (i) => numbers[i % 3]!),
      LIMIT,
    );
    expect(values.error).toBeLessThan(0.005);
    const [small, middle, large] = values.quantiles([0, 0.5, 1]);
    expect(small).toBe(Number.MIN_VALUE);
    expect(middle).toBeCloseTo(1, 2);
    expect(large! / Number.MAX_VALUE).toBeCloseTo(1, 2);
  });

  it('fold in the largest group first, and never need much more than the limit', () => {
    const memory = new Memory(LIMIT);
    const [large, small] = [new Values(memory), new Values(memory)];
    for (let i = 0; i < 400_000; i += 1) {
      large.push(i);
      if (i % 100 === 0) small.push(i);
      if (i % 1000 === 0) expect(memory.used).toBeLessThanOrEqual(LIMIT);
    }
    expect([large.exact, small.exact]).toEqual([false, true]);
    expect(large.spread().count).toBe(400_000);
    expect(large.quantiles([0.5])[0]! / 199_999.5).toBeCloseTo(1, 2);
  });

  it('are told apart in the answer', () => {
    function* records(): Generator<MetricRecord> {
      for (const value of shuffled(200_000, (i) => i + 1)) {
        yield { time: 0, agent: 'agent-1', metric: 'many', value };
        if (value <= 10) yield { time: 0, agent: 'agent-1', metric: 'few', value };
      }
    }
    const { groups } = analyze(records(), { maxMemoryBytes: LIMIT });
    expect(groups.map(({ metric, exact, error }) => [metric, exact, error! < 0.005])).toEqual([
      ['few', true, true],
      ['many', false, true],
    ]);
    expect(groups[0]).toMatchObject({ error: 0, p50: 5.5 });
    expect(groups[1]).toMatchObject({ count: 200_000, sum: 20_000_100_000, min: 1, max: 200_000 });
  });
});
