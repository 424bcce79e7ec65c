import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, chownSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { asUser, CLI, cleanEnvironment, mayChangeUser, OTHER_USER } from '../cli/run.js';
import { temporaryDirectory } from '../support/directory.js';
import { contents, line, names, setup } from './support.js';
import { WAIT } from '../support/wait.js';

function mount(...args: string[]): boolean {
  return spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
}

function mayMount(): boolean {
  const directory = temporaryDirectory();
  const done = mount('-t', 'tmpfs', 'cfn-test', directory);
  spawnSync('umount', ['-l', directory]);
  return done;
}

describe('an archive that cannot be written', () => {
  it('on a disk that is read-only is said once, loses nothing, and goes on', async ({ skip }) => {
    if (!mayMount()) skip();
    const { archive, directory, live, open, events } = setup();
    live(0, line(1));
    const archiver = open({ hotRetentionMs: 0 });
    expect(await archiver.sync()).toBe(true);
    const before = contents(archive);

    // As after an error of the disk, the lock is held, and nothing can be written by its name.
    mount('--bind', archive, archive);
    onTestFinished(() => void spawnSync('umount', ['-l', archive]));
    expect(mount('-o', 'remount,ro,bind', archive)).toBe(true);
    live(0, line(2));
    live(1, line(3));
    for (let look = 0; look < 3; look += 1) expect(await archiver.once('all')).toBe(false);
    expect(archiver.status.error).toContain(`archive ${archive} cannot be written: it is read-only (EROFS)`);
    const errors = events.flatMap((event) => (event.type === 'error' ? [event.error.message] : []));
    expect(errors.length).toBeLessThanOrEqual(2);
    expect(contents(archive)).toEqual(before);
    // Nothing leaves RAM: neither what was copied before, nor what was not.
    const inRam = Object.values(contents(directory)).join('');
    for (const value of [1, 2, 3]) expect(inRam).toContain(line(value));

    mount('-o', 'remount,rw,bind', archive);
    for (let look = 0; look < 2; look += 1) expect(await archiver.once()).toBe(true);
    expect(events).toContainEqual({ type: 'recovered', ms: expect.any(Number) as number });
    expect(Object.values(contents(archive)).sort()).toEqual([line(1) + line(2), line(3)].sort());
    expect(names(directory)).toEqual(['cfn-metrics-0.jsonl', 'cfn-metrics-1.jsonl']);
    expect(archiver.status.error).toBeNull();
  });

  it('a segment that cannot leave RAM keeps no other there', async ({ skip }) => {
    if (!mayMount()) skip();
    const { clock, directory, live, open } = setup();
    for (const shard of [0, 1, 2]) live(shard, line(shard));
    const { now } = clock;
    const archiver = open({ hotRetentionMs: 60_000 });
    expect(await archiver.once('all')).toBe(true);
    const segments = [0, 1, 2].map((shard) => `cfn-metrics-20261121-${shard}.jsonl`);
    expect(names(directory)).toEqual(expect.arrayContaining(segments));
    // What something is mounted on cannot be removed.
    const held = join(directory, segments[1]!);
    mount('--bind', held, held);
    onTestFinished(() => void spawnSync('umount', ['-l', held]));
    clock.now = now + 60_000;
    expect(await archiver.once()).toBe(false);
    expect(archiver.status.error).toContain('EBUSY');
    expect(names(directory).filter((name) => segments.includes(name))).toEqual([segments[1]]);
    spawnSync('umount', [held]);
    expect(await archiver.once()).toBe(true);
    expect(names(directory).filter((name) => segments.includes(name))).toEqual([]);
  });

  it('at the start is one line that says why', ({ skip }) => {
    if (!mayMount()) skip();
    const { archive, open } = setup();
    mkdirSync(archive);
    mount('-t', 'tmpfs', '-o', 'ro', 'cfn-test', archive);
    onTestFinished(() => void spawnSync('umount', ['-l', archive]));
    const refused = `archive ${archive} cannot be written: it is read-only (EROFS)`;
    expect(() => open().open()).toThrow(refused);
    expect(() => open({ archive: join(archive, 'below') }).open()).toThrow('it is read-only (EROFS)');
  });

  it('by this user is one line that says so', ({ skip }) => {
    if (!mayChangeUser()) skip();
    const { archive, directory, root } = ownedByUser();
    chownSync(archive, 0, 0);
    chmodSync(archive, 0o555);
    const args = [CLI, 'archive', '--once', '--dir', directory, '--archive'];
    const refused = (path: string) =>
      spawnSync('setpriv', asUser([...args, path]), { env: cleanEnvironment(), encoding: 'utf8' });
    expect(refused(archive)).toMatchObject({
      status: 1,
      stderr: `cfn-metrics: archive ${archive} cannot be written: this user may not write there (EACCES)\n`,
    });
    const missing = join(root, 'not-mine/archive');
    mkdirSync(join(root, 'not-mine'), { mode: 0o755 });
    expect(refused(missing).stderr).toMatch(/cannot be written: this user may not write there \(EACCES\)/);
  });

  it('by this user any more is said, and goes on when it may', async ({ skip }) => {
    if (!mayChangeUser()) skip();
    const { archive, directory } = ownedByUser();
    const shard = (value: number): void => {
      const path = join(directory, `cfn-metrics-${value}.jsonl`);
      appendFileSync(path, line(value));
      chownSync(path, OTHER_USER, OTHER_USER);
    };
    const give = (user: number): void => {
      for (const path of [archive, ...readdirSync(archive).map((name) => join(archive, name))]) {
        chownSync(path, user, user);
      }
    };
    shard(1);
    const args = [CLI, 'archive', '--dir', directory, '--archive', archive, '--interval', '100ms'];
    const child = spawn('setpriv', asUser(args), { env: cleanEnvironment() });
    onTestFinished(() => void child.kill('SIGKILL'));
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await vi.waitFor(() => expect(log).toContain('synced'), WAIT);

    give(0);
    shard(2);
    const said = `error: archive ${archive} cannot be written: this user may not write there (EACCES)`;
    await vi.waitFor(() => expect(log).toContain(said), WAIT);
    expect(child.exitCode).toBeNull();
    give(OTHER_USER);
    await vi.waitFor(() => expect(log).toContain('works again, after'), WAIT);
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const archived = Object.values(contents(archive)).join('');
    for (const value of [1, 2]) expect(archived.split(line(value))).toHaveLength(2);
  });
});

/** A shard directory and an archive of the other user. */
function ownedByUser() {
  const root = temporaryDirectory();
  chmodSync(root, 0o755);
  const [directory, archive] = [join(root, 'shm'), join(root, 'archive')];
  for (const path of [directory, archive]) {
    mkdirSync(path);
    chownSync(path, OTHER_USER, OTHER_USER);
  }
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return { root, directory, archive };
}
