import { describe, expect, it } from 'vitest';
import { parseTime } from '../../src/cli/time.js';

const NOW = Date.parse('2026-11-21T20:12:43.976Z');
const parse = (text: string): string => new Date(parseTime('--since', text, NOW)).toISOString();
const back = (ms: number): string => new Date(NOW - ms).toISOString();

describe('a time on the command line', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    ['30S', 30_000],
    ['1 minute ago', 60_000],
    ['2 hours ago', 7_200_000],
    ['10 sec ago', 10_000],
    ['5 mins ago', 300_000],
    ['3 hrs ago', 10_800_000],
    ['250 ms ago', 250],
    ['a minute ago', 60_000],
    ['an hour ago', 3_600_000],
    ['2 DAYS AGO', 172_800_000],
    ['  30s  ', 30_000],
    ['now', 0],
  ])('%j lies that far back', (text, ms) => {
    expect(parse(text)).toBe(back(ms));
  });

  it.each([
    ['2026-11-21', '2026-11-21T00:00:00.000Z'],
    ['2026-11-21T20:00', '2026-11-21T20:00:00.000Z'],
    ['2026-11-21T20:00:05', '2026-11-21T20:00:05.000Z'],
    ['2026-11-21 20:00:05', '2026-11-21T20:00:05.000Z'],
    ['2026-11-21T20:00:05.25Z', '2026-11-21T20:00:05.250Z'],
    ['2026-11-21T20:00:05,250Z', '2026-11-21T20:00:05.250Z'],
    ['2026-11-21T20:00:05.123456789Z', '2026-11-21T20:00:05.123Z'],
    ['2026-11-21T20:00:00+01:00', '2026-11-21T19:00:00.000Z'],
    ['2026-11-21T20:00:00-0530', '2026-11-22T01:30:00.000Z'],
    ['2026-11-21T20:00:00+01', '2026-11-21T19:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['0033-01-01', '0033-01-01T00:00:00.000Z'],
    ['1795291963', '2026-11-21T20:12:43.000Z'],
    ['1795291963.5', '2026-11-21T20:12:43.500Z'],
    ['1795291963976', '2026-11-21T20:12:43.976Z'],
  ])('%j is %s', (text, time) => {
    expect(parse(text)).toBe(time);
  });

  it.each([
    'yesterdayish',
    '',
    '-5m',
    '5 m',
    'm',
    '5x',
    '5 fortnights ago',
    'minutes ago',
    '2026-02-30',
    '2025-02-29',
    '2026-13-01',
    '2026-11-21T24:00:00Z',
    '2026-11-21T20:60',
    '21.11.2026',
    '2026-11-21T20',
    'NaN',
    '1e9',
    '0x10',
  ])('%j is none, and the error says so', (text) => {
    expect(() => parse(text)).toThrow(`--since ${JSON.stringify(text)} is no time; try 30s, `);
  });

  it('asks for the unit of a bare number', () => {
    expect(() => parse('30')).toThrow('--since "30" has no unit; try 30s or 30m');
  });

  it('refuses what no record can carry', () => {
    expect(() => parse('9999999d')).toThrow('is outside the years 0 to 9999');
    expect(() => parse(`${'9'.repeat(400)}d`)).toThrow('is outside the years 0 to 9999');
  });

  it('never shows a long text in full', () => {
    expect(() => parse('x'.repeat(10_000))).toThrow(/^.{1,200}$/);
  });
});
