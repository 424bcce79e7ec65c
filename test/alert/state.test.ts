import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Input, type LevelState, stepLevel } from '../../src/alert/state.js';

/** Runs inputs, one a second, and gives the states as letters: `.` inactive, `p` pending, `F` firing. */
function run(inputs: string, forMs = 0, keepFiringForMs = 0): string {
  let state: LevelState | undefined;
  return inputs
    .split('')
    .map((letter, i) => {
      const input: Input = letter === 'x' ? 'breach' : letter === '?' ? 'keep' : 'clear';
      state = stepLevel({ forMs, keepFiringForMs }, state, input, i * 1000);
      return state === undefined ? '.' : state.status === 'firing' ? 'F' : 'p';
    })
    .join('');
}

describe('a level', () => {
  it.each([
    ['fires at once', '..xx..', 0, 0, '..FF..'],
    ['waits for its time, without a gap', '.xx.xxxx.', 2000, 0, '.pp.ppFF.'],
    ['goes on after the condition held last', 'x...x...', 0, 2000, 'FFF.FFF.'],
    ['counts that time anew where it holds again', 'x.x..x....', 0, 3000, 'FFFFFFFFF.'],
    ['goes on where nothing is known', 'x???.???', 0, 0, 'FFFF....'],
    ['waits for its time anew where nothing was known', 'xx?xxx', 2000, 0, 'pp.ppF'],
  ])('%s', (_, inputs, forMs, keepMs, expected) => {
    expect(run(inputs, forMs, keepMs)).toBe(expected);
  });

  it('is what it is since now where the clock was put back', () => {
    const level = { forMs: 60_000, keepFiringForMs: 60_000 };
    const pending = stepLevel(level, undefined, 'breach', 7_200_000);
    const back = stepLevel(level, pending, 'breach', 0);
    expect(back).toEqual({ status: 'pending', since: 0, clearSince: null });
    const firing = stepLevel(level, back, 'breach', 60_000);
    expect(firing?.status).toBe('firing');
    const clear = stepLevel(level, stepLevel(level, firing, 'clear', 7_200_000), 'clear', 0);
    expect(clear?.clearSince).toBe(0);
    expect(stepLevel(level, clear, 'clear', 60_000)).toBeUndefined();
  });

  it('is, whatever comes, what a look at the whole past says', () => {
    const letters = fc.array(fc.constantFrom('x', '.', '?'), { maxLength: 40 });
    const property = fc.property(letters, fc.nat(4), fc.nat(4), (inputs, forSeconds, keepSeconds) => {
      expect(run(inputs.join(''), forSeconds * 1000, keepSeconds * 1000)).toBe(
        model(inputs, forSeconds, keepSeconds),
      );
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

/** The same from the definition: each second anew, from all inputs until then. */
function model(inputs: readonly string[], forSeconds: number, keepSeconds: number): string {
  let result = '';
  for (let now = 0; now < inputs.length; now += 1) {
    const input = inputs[now]!;
    const before = result.at(-1) ?? '.';
    if (input === '?') result += before === 'F' ? 'F' : '.';
    else if (input === 'x') {
      if (before === 'F') result += 'F';
      else {
        // since when nothing but breaches
        let since = now;
        for (let i = now; i >= 0 && inputs[i] === 'x' && result[i] !== 'F'; i -= 1) since = i;
        result += now - since >= forSeconds ? 'F' : 'p';
      }
    } else if (before !== 'F') result += '.';
    else {
      // the first second of this calm
      let calm = now;
      for (let i = now; i >= 0 && inputs[i] !== 'x' && result[i] !== '.'; i -= 1)
        if (inputs[i] === '.') calm = i;
      result += now - calm >= keepSeconds ? '.' : 'F';
    }
  }
  return result;
}
