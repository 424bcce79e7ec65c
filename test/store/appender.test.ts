import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MetricsError } from '../../src/errors.js';
import { Appender, type AppenderOptions } from '../../src/store/appender.js';
import { loadLock } from '../../src/store/lock.js';
import { temporaryDirectory } from '../support/directory.js';

const LINE = '{"timestamp":"…"}\n';
const BYTES = Buffer.byteLength(LINE);

function setup(options: Partial<AppenderOptions> = {}): {
  directory: string;
  path: string;
  appender: Appender;
} {
  const directory = temporaryDirectory();
  const appender = new Appender({ directory: { path: directory, explicit: true }, ...options });
  return { directory, path: join(directory, 'cfn-metrics-3.jsonl'), appender };
}

/** What a sealer does first: the old file gets another name, and the live name a new file. */
function swap(path: string, sealed: string): void {
  linkSync(path, sealed);
  writeFileSync(`${path}.new`, '');
  renameSync(`${path}.new`, path);
}

describe('an appender', () => {
  it('creates the file for this user alone, and appends to what is there', () => {
    const { appender, path } = setup();
    expect(appender.append(3, LINE)).toBe(BYTES);
    expect(appender.append(3, LINE)).toBe(BYTES);
    expect(readFileSync(path, 'utf8')).toBe(LINE + LINE);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('shares the lock with other appenders', () => {
    const lock = loadLock();
    expect(lock.kind).toBe('flock');
    const { appender, path } = setup();
    appender.append(3, LINE);
    const fd = openSync(path, 'r');
    expect(lock.tryShared(fd)).toBe(true);
    appender.append(3, LINE);
    expect(appender.unlocked).toBe(0);
    closeSync(fd);
  });

  it('lets go of the lock after each append', () => {
    const { appender, path } = setup();
    appender.append(3, LINE);
    const fd = openSync(path, 'r');
    expect(loadLock().tryExclusive(fd)).toBe(true);
    closeSync(fd);
  });

  it('turns to the new file at once when the old one is locked by its sealer', () => {
    const { appender, path, directory } = setup({ recheckMs: 3_600_000 });
    const sealed = join(directory, 'cfn-metrics-20261121-3.jsonl');
    appender.append(3, LINE);
    appender.append(3, LINE);
    swap(path, sealed);
    const fd = openSync(sealed, 'r');
    loadLock().tryExclusive(fd);
    expect(appender.append(3, LINE)).toBe(BYTES);
    expect(readFileSync(path, 'utf8')).toBe(LINE);
    expect(readFileSync(sealed, 'utf8')).toBe(LINE + LINE);
    expect(appender.unlocked).toBe(0);
    closeSync(fd);
  });

  it('turns to the new file within the recheck time without any lock', () => {
    const none = {
      kind: 'none',
      tryShared: () => true,
      tryExclusive: () => true,
      unlock: () => undefined,
    } as const;
    const { appender, path, directory } = setup({ recheckMs: 0, lock: none });
    appender.append(3, LINE);
    swap(path, join(directory, 'cfn-metrics-20261121-3.jsonl'));
    appender.append(3, LINE);
    expect(readFileSync(path, 'utf8')).toBe(LINE);
  });

  it('appends without the lock, and counts it, when a stranger holds it on the live file', () => {
    const { appender, path } = setup();
    appender.append(3, LINE);
    const stranger = openSync(path, 'r');
    loadLock().tryExclusive(stranger);
    expect(appender.append(3, LINE)).toBe(BYTES);
    expect(appender.unlocked).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe(LINE + LINE);
    closeSync(stranger);
  });

  it('goes on in a new file after the old one was deleted', () => {
    const { appender, path } = setup({ recheckMs: 0 });
    appender.append(3, LINE);
    rmSync(path);
    expect(appender.append(3, LINE)).toBe(BYTES);
    expect(readFileSync(path, 'utf8')).toBe(LINE);
  });

  it('says how much of a short write is in the file', () => {
    const { appender } = setup({ write: (fd, text) => writeSync(fd, text.slice(0, 5)) });
    expect(appender.append(3, LINE)).toBe(5);
    expect(appender.refusal).toBe('full');
  });

  it.each([
    ['ENOSPC', 'full'],
    ['EDQUOT', 'full'],
    ['EIO', 'io'],
  ])('answers %s with nothing stored, and lets go of the lock', (code, refusal) => {
    const { appender, path } = setup({
      write: () => {
        throw Object.assign(new Error(code), { code });
      },
    });
    expect(appender.append(3, LINE)).toBe(0);
    expect(appender.refusal).toBe(refusal);
    const fd = openSync(path, 'r');
    expect(loadLock().tryExclusive(fd)).toBe(true);
    closeSync(fd);
  });

  it('lets go of the lock where it cannot see whether its file is the live one', () => {
    const { appender, path, directory } = setup({ recheckMs: 0 });
    appender.append(3, LINE);
    const aside = join(temporaryDirectory(), 'aside');
    renameSync(directory, aside);
    symlinkSync(directory, directory);
    expect(appender.append(3, LINE)).toBe(0);
    expect(appender.refusal).toBe('io');
    rmSync(directory);
    renameSync(aside, directory);
    const fd = openSync(path, 'r');
    expect(loadLock().tryExclusive(fd)).toBe(true);
    closeSync(fd);
    expect(appender.append(3, LINE)).toBe(BYTES);
    expect(readFileSync(path, 'utf8')).toBe(LINE + LINE);
  });

  it('closes its files, and opens them again when it must', () => {
    const { appender, path } = setup();
    appender.append(3, LINE);
    appender.close();
    appender.append(3, LINE);
    expect(readFileSync(path, 'utf8')).toBe(LINE + LINE);
  });
});

describe('an appender refuses', () => {
  function refusal(appender: Appender): string {
    expect(appender.append(3, LINE)).toBe(0);
    expect(appender.refusal).toBe('refused');
    expect(appender.error).toBeInstanceOf(MetricsError);
    return (appender.error as MetricsError).message;
  }

  it('a symbolic link, and leaves alone what it points to', () => {
    const { appender, path, directory } = setup();
    writeFileSync(join(directory, 'victim'), '');
    symlinkSync(join(directory, 'victim'), path);
    const message = refusal(appender);
    expect(message).toContain(`${path} is a symbolic link`);
    expect(message).toContain('CFN_METRICS_DIR');
    expect(message).toContain('cfn-metrics init');
    expect(readFileSync(join(directory, 'victim'), 'utf8')).toBe('');
  });

  it('a dangling symbolic link, and creates nothing through it', () => {
    const { appender, path, directory } = setup();
    symlinkSync(join(directory, 'victim'), path);
    refusal(appender);
    expect(existsSync(join(directory, 'victim'))).toBe(false);
  });

  it.each(['without a reader', 'with a reader'])('a FIFO %s, without waiting', (kind) => {
    const { appender, path } = setup();
    execFileSync('mkfifo', [path]);
    // O_RDWR opens a FIFO without a partner, and is a reader to whoever comes next.
    const reader = kind === 'with a reader' ? openSync(path, 'r+') : undefined;
    expect(refusal(appender)).toMatch(/is a FIFO|is not a regular file/);
    if (reader !== undefined) closeSync(reader);
  });

  it('a directory in place of a shard', () => {
    const { appender, path } = setup();
    mkdirSync(path);
    expect(appender.append(3, LINE)).toBe(0);
  });

  it('a named directory that is missing, and does not make it', () => {
    const { appender, directory } = setup();
    rmSync(directory, { recursive: true });
    expect(refusal(appender)).toContain(`directory ${directory} does not exist`);
    expect(existsSync(directory)).toBe(false);
  });

  it('again without looking for a while, so that a broken setup costs the agent nothing', () => {
    const { appender, path, directory } = setup();
    symlinkSync(join(directory, 'victim'), path);
    refusal(appender);
    rmSync(path);
    expect(appender.append(3, LINE)).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('for the reason of the first time meanwhile', () => {
    const { appender, path } = setup();
    mkdirSync(path);
    expect(appender.append(3, LINE)).toBe(0);
    const { error } = appender;
    expect(appender.append(5, LINE)).toBe(BYTES);
    expect(appender.append(3, LINE)).toBe(0);
    expect([appender.refusal, appender.error]).toEqual(['io', error]);
  });

  it.runIf(process.getuid?.() === 0)("another user's file", () => {
    const { appender, path } = setup();
    writeFileSync(path, '');
    chownSync(path, 65_534, 65_534);
    expect(refusal(appender)).toContain('belongs to user 65534');
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it.runIf(process.getuid?.() === 0)("not the file of the directory's owner, which init made", () => {
    const { appender, path, directory } = setup();
    writeFileSync(path, '');
    chownSync(path, 65_534, 65_534);
    chownSync(directory, 65_534, 65_534);
    chmodSync(directory, 0o755);
    expect(appender.append(3, LINE)).toBe(BYTES);
    // What its owner made for itself is no setup for a group.
    expect(appender.append(5, LINE)).toBe(BYTES);
    chmodSync(path, 0o660);
    // But a shard that init did not make is not for others to make.
    expect(appender.append(4, LINE)).toBe(0);
    expect(String(appender.error)).toContain('made for a group');
  });
});
