import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Sorted } from '../../src/analyze/window-sorted.js';

const someValue = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -3, max: 3 }));

/** -0 and 0 are one value, in any order. */
function plain(values: Iterable<number>): number[] {
  return [...values].map((value) => value + 0);
}

it('keeps values in order, whatever comes and goes', () => {
  fc.assert(
    fc.property(
      fc.array(someValue, { maxLength: 200, size: 'max' }),
      fc.array(fc.tuple(fc.boolean(), someValue, fc.nat()), { maxLength: 200, size: 'max' }),
      (first, steps) => {
        const sorted = new Sorted(Float64Array.from([...first, NaN, NaN]), first.length);
        const kept = [...first];
        for (const [comes, value, which] of steps) {
          if (comes || kept.length === 0) {
            sorted.insert(value);
            kept.push(value);
          } else {
            sorted.remove(kept.splice(which % kept.length, 1)[0]!);
          }
          expect(plain(sorted.values.subarray(0, sorted.size))).toEqual(
            plain(Float64Array.from(kept).sort()),
          );
        }
      },
    ),
  );
});

it('starts with nothing, and comes back to it', () => {
  const sorted = new Sorted(new Float64Array(0), 0);
  for (let i = 0; i < 1000; i += 1) sorted.insert((i * 7919) % 1000);
  expect(sorted.size).toBe(1000);
  expect(sorted.values[500]).toBe(500);
  for (let i = 0; i < 1000; i += 1) sorted.remove(i);
  expect(sorted.size).toBe(0);
});
