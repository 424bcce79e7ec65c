import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatRecord } from '../../src/record.js';
import { Appender } from '../../src/store/appender.js';
import { commandLock, loadLock } from '../../src/store/lock.js';
import { Sealer, type SealerOptions } from '../../src/store/seal.js';
import { temporaryDirectory } from '../support/directory.js';

const BEFORE_MIDNIGHT = Date.UTC(2026, 10, 21, 23, 59, 59, 900);

function line(value: number, time = BEFORE_MIDNIGHT): string {
  return formatRecord({ time, agent: 'agent-0', metric: 'm', value });
}

function setup(options: SealerOptions = {}) {
  const directory = temporaryDirectory();
  const live = join(directory, 'cfn-metrics-0.jsonl');
  const sealer = new Sealer(directory, { holdMs: 20, finishMs: 30, ...options });
  expect(sealer.acquire()).toBe(true);
  return { directory, live, sealer, read: (name: string) => readFileSync(join(directory, name), 'utf8') };
}

describe('a sealer', () => {
  it('gives the old file the name of its first record’s day, and the live name a new file of the same mode', async () => {
    const { live, sealer, read } = setup();
    writeFileSync(live, line(1) + line(2, BEFORE_MIDNIGHT + 500));
    chmodSync(live, 0o640);
    expect(await sealer.seal(0)).toBe('cfn-metrics-20261121-0.jsonl');
    expect(read('cfn-metrics-20261121-0.jsonl')).toBe(line(1) + line(2, BEFORE_MIDNIGHT + 500));
    expect(readFileSync(live, 'utf8')).toBe('');
    expect(statSync(live).mode & 0o777).toBe(0o640);
  });

  it('numbers further segments of a day', async () => {
    const { live, sealer } = setup();
    const names = [];
    for (let i = 0; i < 3; i += 1) {
      writeFileSync(live, line(i));
      names.push(await sealer.seal(0));
    }
    expect(names).toEqual([
      'cfn-metrics-20261121-0.jsonl',
      'cfn-metrics-20261121-0.1.jsonl',
      'cfn-metrics-20261121-0.2.jsonl',
    ]);
  });

  it('has nothing to do where there is no file, or an empty one', async () => {
    const { live, sealer } = setup();
    expect(await sealer.seal(0)).toBeUndefined();
    writeFileSync(live, '');
    expect(await sealer.seal(0)).toBeUndefined();
    expect(sealer.shards()).toEqual([0]);
  });

  it('takes the day of the file where no record tells one', async () => {
    const { live, sealer } = setup();
    writeFileSync(live, 'foreign\n');
    expect(await sealer.seal(0)).toMatch(/^cfn-metrics-20[0-9]{6}-0\.jsonl$/);
  });

  it('goes on where a run died between link and rename, across midnight too', async () => {
    const { directory, live, sealer, read } = setup();
    writeFileSync(live, line(1));
    linkSync(live, join(directory, 'cfn-metrics-20261121-0.jsonl'));
    writeFileSync(`${live}.new`, '');
    writeFileSync(live, line(2, BEFORE_MIDNIGHT + 1000), { flag: 'a' });
    expect(sealer.begun()).toEqual([0]);
    expect(await sealer.seal(0)).toBe('cfn-metrics-20261121-0.jsonl');
    expect(sealer.begun()).toEqual([]);
    expect(read('cfn-metrics-20261121-0.jsonl')).toBe(line(1) + line(2, BEFORE_MIDNIGHT + 1000));
    expect(readFileSync(live, 'utf8')).toBe('');
    expect(existsSync(`${live}.new`)).toBe(false);
    expect(await sealer.seal(0)).toBeUndefined();
  });

  it('keeps the old file locked while appenders find the new one', async () => {
    const { directory, live, sealer } = setup({ holdMs: 2000 });
    const appender = new Appender({ directory: { path: directory, explicit: true }, recheckMs: 3_600_000 });
    appender.append(0, line(1));
    const sealing = sealer.seal(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(appender.append(0, line(2))).toBeGreaterThan(0);
    expect(readFileSync(live, 'utf8')).toBe(line(2));
    await sealing;
  });

  it('is one at a time', () => {
    const { directory, sealer } = setup();
    const second = new Sealer(directory);
    expect(second.acquire()).toBe(false);
    expect(() => second.swap(0)).toThrow(expect.objectContaining({ code: 'ERR_METRICS_CLOSED' }));
    sealer.release();
    expect(second.acquire()).toBe(true);
    second.release();
  });

  it('refuses a live file that is none', () => {
    const { directory, live, sealer } = setup();
    mkdirSync(live);
    expect(() => sealer.swap(0)).toThrow('is not a regular file');
    rmSync(live, { recursive: true });
    symlinkSync(join(directory, 'victim'), live);
    expect(() => sealer.swap(0)).toThrow('ELOOP');
  });
});

describe('a segment is finished', () => {
  it('when it did not grow for a while', async () => {
    const { directory, live, sealer } = setup();
    writeFileSync(live, line(1));
    const name = (await sealer.seal(0)) as string;
    expect(sealer.finished()).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 40));
    writeFileSync(join(directory, name), line(2), { flag: 'a' });
    expect(sealer.finished()).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(sealer.finished()).toEqual([name]);
  });

  it('not while an appender that was stopped in the middle holds the lock', async () => {
    const { directory, live, sealer } = setup();
    writeFileSync(live, line(1));
    const name = (await sealer.seal(0)) as string;
    sealer.finished();
    await new Promise((resolve) => setTimeout(resolve, 40));
    const stopped = openSync(join(directory, name), 'a');
    loadLock().tryShared(stopped);
    expect(sealer.finished()).toEqual([]);
    closeSync(stopped);
    expect(sealer.finished()).toEqual([name]);
  });
});

describe('flock(1) in place of the native module', () => {
  it('locks our own open file, for as long as it is open', () => {
    const { live } = setup();
    writeFileSync(live, '');
    const native = loadLock();
    const command = commandLock();
    const [a, b] = [openSync(live, 'r'), openSync(live, 'r')];
    expect(command.tryExclusive(a)).toBe(true);
    expect(native.tryShared(b)).toBe(false);
    command.unlock(a);
    expect(native.tryShared(b)).toBe(true);
    closeSync(a);
    closeSync(b);
  });
});
