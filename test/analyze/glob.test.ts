import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { matchesGlob } from '../../src/analyze/glob.js';

describe('matchesGlob', () => {
  it.each([
    ['coordination_time_ms', 'coordination_time_ms', true],
    ['coordination_time_ms', 'coordination_time_m', false],
    ['coordination_time_m', 'coordination_time_ms', false],
    ['coordination_*', 'coordination_time_ms', true],
    ['*_ms', 'coordination_time_ms', true],
    ['*time*', 'coordination_time_ms', true],
    ['*', 'x', true],
    ['*', '', true],
    ['', '', true],
    ['', 'x', false],
    ['?', '', false],
    ['?', 'x', true],
    ['http.?.x', 'http.a.x', true],
    ['http.?.x', 'http.ab.x', false],
    ['a*b*c', 'abcbc', true],
    ['a*b*c', 'abcb', false],
    ['**a', 'a', true],
    ['a.b', 'aXb', false],
    ['[ab]', 'a', false],
    ['a+', 'aa', false],
  ])('%j on %j: %j', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });

  it('agrees with a plain recursive definition', () => {
    const letters = (alphabet: readonly string[]) =>
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 8 });
    fc.assert(
      fc.property(letters(['a', 'b', '*', '?']), letters(['a', 'b']), (pattern, text) => {
        expect(matchesGlob(pattern, text)).toBe(defined(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });

  it('compares a bounded number of characters, however hostile the pattern', () => {
    const text = 'a'.repeat(255);
    for (const pattern of [
      'a*a*a*a*a*a*a*a*b',
      `${'*a'.repeat(60)}b`,
      `${'*a?'.repeat(40)}b`,
      `${'*'.repeat(500)}b`,
    ]) {
      const read = vi.spyOn(String.prototype, 'charCodeAt');
      expect(matchesGlob(pattern, text)).toBe(false);
      expect(read.mock.calls.length).toBeLessThan(2 * text.length * pattern.length + 2 * pattern.length);
      read.mockRestore();
    }
  });
});

function defined(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    return defined(pattern.slice(1), text) || (text !== '' && defined(pattern, text.slice(1)));
  }
  return (
    text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && defined(pattern.slice(1), text.slice(1))
  );
}
