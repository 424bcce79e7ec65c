import { describe, expect, it } from 'vitest';
import { readLine } from './line.js';

const record = (metric: string) =>
  `{"timestamp":"2026-11-21T20:12:43.976Z","agent":"a","metric":"${metric}","value":7}`;

describe('a line as the soaks read it', () => {
  it('has the numbered record it ends with', () => {
    expect(readLine(record('soak'))).toMatchObject({ torn: 0, numbered: { agent: 'a', value: 7 } });
    expect(readLine(record('tasks'))).toEqual({ torn: 0 });
  });

  it('has records that were cut off, before the last and as the last', () => {
    const torn = record('soak').slice(0, 60);
    expect(readLine(torn + torn + record('soak'))).toMatchObject({ torn: 2, numbered: { value: 7 } });
    expect(readLine(torn + torn)).toEqual({ torn: 2 });
  });
});
