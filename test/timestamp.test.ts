import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TimestampFormatter } from '../src/timestamp.js';

it('formats as Date does, whatever came before', () => {
  const formatter = new TimestampFormatter();
  const time = fc.integer({
    min: Date.parse('0000-01-01T00:00:00.000Z'),
    max: Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  });
  fc.assert(
    fc.property(time, fc.array(fc.integer({ min: -1500, max: 1500 })), (first, steps) => {
      let now = first;
      for (const step of [0, ...steps]) {
        now = Math.min(Math.max(now + step, -62_167_219_200_000), 253_402_300_799_999);
        expect(formatter.format(now)).toBe(new Date(now).toISOString());
      }
    }),
  );
});
