import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvRow, formatBytes, formatDuration, formatNumber } from '../../src/cli/format.js';
import { nearest } from '../../src/cli/suggest.js';
import { tableLines } from '../../src/cli/table.js';
import { fitText, textWidth, visible } from '../../src/cli/text.js';
import { anyText } from '../support/arbitrary.js';

describe('numbers', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [8031, '8031'],
    [123_456_789, '123456789'],
    [1234.567, '1235'],
    [12.5, '12.5'],
    [99.996, '100'],
    [0.123456, '0.1235'],
    [-0.5, '-0.5'],
    [0.00001234, '1.234e-5'],
    [1.5e300, '1.500e300'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ])('%d is shown as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('names sizes and lengths of time', () => {
    expect([0, 1023, 1536, 64 * 2 ** 20, 3.2e12].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '64 MiB',
      '2.91 TiB',
    ]);
    expect([0, 999, 1500, 127 * 60_000, 25 * 3_600_000, 60_000].map(formatDuration)).toEqual([
      '0 ms',
      '999 ms',
      '1.5 s',
      '2 h 7 min',
      '1 d 1 h',
      '1 min',
    ]);
  });
});

describe('text for a terminal', () => {
  it('leaves nothing that a terminal would obey', () => {
    // eslint-disable-next-line no-control-regex -- control characters are what it looks for
    const obeyed = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;
    expect(visible('\x1b[31mred\x1b[0m')).toBe('\\x1b[31mred\\x1b[0m');
    expect(visible('a\nb\tc\u202ed')).toBe('a\\nb\\tc\\u{202e}d');
    fc.assert(fc.property(anyText, (text) => !obeyed.test(visible(text)) && visible(text).isWellFormed()));
  });

  it('cuts by columns, not by code units', () => {
    expect(textWidth('日本😀é')).toBe(7);
    expect(textWidth('e\u0301')).toBe(1);
    expect(fitText('日本語', 4)).toBe('日…');
    expect(fitText('abc', 3)).toBe('abc');
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 20 }), (text, columns) => {
        expect(textWidth(fitText(visible(text), columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

describe('a table', () => {
  const columns = [
    { title: 'metric', cells: ['coordination_time_ms_of_the_whole_fleet', 'x'] },
    { title: 'count', number: true, cells: ['1', '1000'] },
    { title: 'sum', number: true, expendable: 4, cells: ['123456789', '-'] },
  ];
  const plain = (text: string): string => text;

  it('aligns numbers right and text left', () => {
    expect(tableLines(columns.slice(0, 2), undefined, plain)).toEqual([
      'metric                                   count',
      'coordination_time_ms_of_the_whole_fleet      1',
      'x                                         1000',
    ]);
  });

  it('cuts text first, then leaves out what is expendable', () => {
    expect(tableLines(columns, 42, plain)[1]).toBe('coordination_time_ms_of…      1  123456789');
    expect(tableLines(columns, 30, plain)[0]).toBe('metric                   count');
  });

  it('is never wider than it may be, and cuts lines where nothing else is left', () => {
    expect(tableLines(columns, 17, plain)).toEqual([
      'metric      count',
      'coordinat…      1',
      'x            1000',
    ]);
    expect(tableLines(columns, 12, plain)).toEqual(['metric    c…', 'coordin…   …', 'x          …']);
  });
});

describe('CSV', () => {
  it('quotes after RFC 4180 and disarms formulas in text, not in numbers', () => {
    expect(csvRow(['a,b', 'say "hi"', 'x\ny', '=1+1', '@x', '+1', '-2', -2, true])).toBe(
      `"a,b","say ""hi""","x\ny",'=1+1,'@x,'+1,'-2,-2,true\r\n`,
    );
  });
});

describe('the nearest word', () => {
  const words = ['analyze', 'tail', 'doctor', 'init', 'help'];

  it.each([
    ['analyse', 'analyze'],
    ['anaylze', 'analyze'],
    ['doc', 'doctor'],
    ['tial', 'tail'],
    ['inti', 'init'],
  ])('to %s is %s', (typed, word) => {
    expect(nearest(typed, words)).toBe(word);
  });

  it.each(['frobnicate', 'x', '', 'y'.repeat(100_000)])('of what is far from all is none', (typed) => {
    expect(nearest(typed, words)).toBeUndefined();
  });
});
