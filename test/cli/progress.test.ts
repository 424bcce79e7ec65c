import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { bytesOfShards, Progress } from '../../src/cli/progress.js';
import { liveName } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';

const MIB = 2 ** 20;
let written = '';

beforeEach(() => {
  written = '';
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.stubEnv('TERM', 'xterm');
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  onTerminal(true);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  onTerminal(false);
});

function onTerminal(isTTY: boolean): void {
  Object.defineProperty(process.stderr, 'isTTY', { value: isTTY, configurable: true });
}

it('says after a second how much was read, ten times a second at most, and takes it away at the end', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, liveName(0)), 'x'.repeat(3 * MIB));
  writeFileSync(join(directory, 'other'), 'x');
  const progress = new Progress(() => bytesOfShards([directory]));
  progress.show(() => 1);
  vi.advanceTimersByTime(999);
  progress.show(() => 2);
  expect(written).toBe('');
  vi.advanceTimersByTime(1);
  progress.show(() => 1.5 * MIB);
  expect(written).toBe('\r\x1b[K1.5 MiB of 3 MiB read');
  vi.advanceTimersByTime(99);
  progress.show(() => 2 * MIB);
  expect(written).toBe('\r\x1b[K1.5 MiB of 3 MiB read');
  vi.advanceTimersByTime(1);
  progress.show(() => 2.5 * MIB);
  expect(written).toBe('\r\x1b[K1.5 MiB of 3 MiB read\r\x1b[K2.5 MiB of 3 MiB read');
  progress.end();
  expect(written.endsWith('read\r\x1b[K')).toBe(true);
});

it('does without a total where nobody knows it', () => {
  const progress = new Progress(() => bytesOfShards(['/nowhere']));
  vi.advanceTimersByTime(1000);
  progress.show(() => 1.5 * MIB);
  expect(written).toBe('\r\x1b[K1.5 MiB read');
});

it.each([
  ['where nobody looks', false, 'xterm'],
  ['on a terminal that cannot clear a line', true, 'dumb'],
])('shows nothing %s', (_where, isTTY, term) => {
  onTerminal(isTTY);
  vi.stubEnv('TERM', term);
  const progress = new Progress(() => 1);
  vi.advanceTimersByTime(5000);
  progress.show(() => 1);
  progress.end();
  expect(written).toBe('');
});
