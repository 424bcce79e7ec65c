import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { formatRecord } from '../../src/record.js';
import { lastLineEnd, seekTime } from '../../src/store/seek.js';
import { temporaryDirectory } from '../support/directory.js';

const NOON = Date.UTC(2026, 10, 21, 12);

function file(text: string): { fd: number; size: number; path: string } {
  const path = join(temporaryDirectory(), 'x');
  writeFileSync(path, text);
  const fd = openSync(path, 'r');
  onTestFinished(() => {
    closeSync(fd);
  });
  return { fd, size: Buffer.byteLength(text), path };
}

function lines(count: number, time: (i: number) => number): string {
  return Array.from({ length: count }, (_, i) =>
    formatRecord({
      time: time(i),
      agent: 'a',
      metric: 'm',
      value: i,
      attributes: { pad: 'x'.repeat(i % 300) },
    }),
  ).join('');
}

it('goes to the first of records of one time, however many there are', () => {
  const early = lines(2000, () => NOON - 1);
  const { fd, size } = file(early + lines(5000, () => NOON) + lines(2000, () => NOON + 1));
  expect(seekTime(fd, size, NOON)).toBeLessThanOrEqual(early.length);
  expect(seekTime(fd, size, NOON)).toBeGreaterThan(early.length - 2 * 4096);
  expect(seekTime(fd, size, NOON - 1)).toBe(0);
});

it('gives the beginning of a line, and of a file that is all too late the beginning', () => {
  const { fd, size, path } = file(lines(9000, (i) => NOON + i));
  const text = readFileSync(path, 'latin1');
  for (const time of [NOON + 1, NOON + 4500, NOON + 8999, NOON + 1e9]) {
    const offset = seekTime(fd, size, time);
    expect(offset === 0 || text[offset - 1] === '\n').toBe(true);
  }
  expect(seekTime(fd, size, NOON - 1)).toBe(0);
  expect(seekTime(fd, 0, NOON)).toBe(0);
});

it('finds its way through a stretch without records', () => {
  const { fd, size } = file(
    `${lines(3000, (i) => NOON + i)}${'x'.repeat(200_000)}\n${lines(3000, (i) => NOON + 5000 + i)}`,
  );
  expect(seekTime(fd, size, NOON + 2000)).toBeLessThanOrEqual(lines(2000, (i) => NOON + i).length);
});

it('finds the end of the last whole line', () => {
  const whole = lines(10, () => NOON);
  for (const tail of ['', 'x', 'x'.repeat(200_000)]) {
    const { fd, size } = file(whole + tail);
    expect(lastLineEnd(fd, size)).toBe(whole.length);
  }
  const { fd, size } = file('x'.repeat(70_000));
  expect(lastLineEnd(fd, size)).toBe(0);
});
