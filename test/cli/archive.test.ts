import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { contents, names } from '../archive/support.js';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, cli, store } from './run.js';
import { WAIT } from '../support/wait.js';

const LIBRARY = fileURLToPath(new URL('../../src/shell/cfn-metrics.sh', import.meta.url));

function setup() {
  const root = temporaryDirectory();
  const directory = join(root, 'shm');
  const archive = join(root, 'archive');
  mkdirSync(directory);
  const args = ['archive', '--dir', directory, '--archive', archive];
  const archived = (): string => Object.values(contents(archive)).join('');
  return { root, directory, archive, args, archived };
}

/** An archiver that has synced once. */
async function daemon(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [CLI, ...args], { env: cleanEnvironment(env) });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close');
  await vi.waitFor(() => expect(log + output).toContain('synced'), WAIT);
  return { child, ended, log: () => log, output: () => output };
}

function runs(pid: number): boolean {
  try {
    // Whoever has ended, and is not yet asked about by its parent, is there in name only.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('archive, the daemon', () => {
  it('syncs at the beginning, when asked, and when it ends', async () => {
    const { directory, args, archived } = setup();
    store(directory, 1, [{ metric: 'before' }]);
    const { child, ended } = await daemon(args);
    expect(archived()).toContain('before');
    store(directory, 1, [{ metric: 'asked' }]);
    const asked = cli([...args, '--sync-now']);
    expect(asked).toMatchObject({ status: 0, stderr: '' });
    expect(archived()).toContain('asked');
    store(directory, 1, [{ metric: 'signalled' }]);
    child.kill('SIGUSR1');
    await vi.waitFor(() => expect(archived()).toContain('signalled'), WAIT);
    store(directory, 1, [{ metric: 'at_the_end' }]);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(archived()).toContain('at_the_end');
  });

  it('seals all shards when asked, compresses them, and says so', async () => {
    const { directory, archive, args } = setup();
    store(directory, 1, [{ metric: 'one' }]);
    const { log } = await daemon([...args, '--finish-after', '100ms']);
    expect(cli([...args, '--rotate-now'])).toMatchObject({ status: 0, stderr: '' });
    await vi.waitFor(() => expect(log()).toMatch(/Z compressed cfn-metrics-\d{8}-1\.jsonl: /), WAIT);
    expect(names(archive).filter((name) => name.endsWith('-1.jsonl.gz'))).toHaveLength(1);
  });

  describe('with a command that hangs before a deletion', () => {
    function hanging() {
      const test = setup();
      mkdirSync(test.archive);
      const old = join(test.archive, 'cfn-metrics-20260101-1.jsonl.gz');
      writeFileSync(old, gzipSync(''));
      // One that takes no notice, and one that it started.
      const hook = join(test.root, 'hang');
      const script = `#!/bin/bash\ntrap '' TERM\nsleep 600 &\necho $$ $! > ${test.root}/pids\nwait\n`;
      writeFileSync(hook, script, { mode: 0o755 });
      const pids = (): number[] => {
        const path = join(test.root, 'pids');
        return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').map(Number) : [];
      };
      onTestFinished(() =>
        pids()
          .filter(runs)
          .forEach((pid) => process.kill(pid, 'SIGKILL')),
      );
      const quick = ['--finish-after', '100ms', '--hot-retention', '100ms', '--hot-floor', '100ms'];
      const args = [...test.args, ...quick, '--before-delete', hook];
      return { ...test, args, old, pids };
    }

    it('goes on compressing, ends it after its time, and says so', async () => {
      const { directory, archive, args, old, pids } = hanging();
      store(directory, 1, [{ metric: 'one' }]);
      const { log } = await daemon([...args, '--before-delete-timeout', '3s']);
      await vi.waitFor(() => expect(pids()).toHaveLength(2), WAIT);
      expect(cli([...args, '--rotate-now'])).toMatchObject({ status: 0, stderr: '' });
      await vi.waitFor(() => expect(log()).toMatch(/Z released cfn-metrics-\d{8}-1\.jsonl from RAM/), WAIT);
      await vi.waitFor(() => expect(log()).toContain('beforeDelete failed'), WAIT);
      expect(log()).toContain(
        'cfn-metrics-20260101-1.jsonl is not deleted, because beforeDelete failed: ' +
          'it took longer than 3 s, and was ended; next attempt in 1 min',
      );
      expect(names(archive).filter((name) => name.endsWith('-1.jsonl.gz'))).toHaveLength(2);
      // Who was killed is gone a moment later.
      await vi.waitFor(() => expect(pids().filter(runs)).toEqual([]), WAIT);
      expect(existsSync(old)).toBe(true);
    });

    it.each([
      ['the daemon', []],
      ['who does it once', ['--once']],
    ])('%s ends promptly, and leaves nothing of it behind', async (_, mode) => {
      const { args, old, pids } = hanging();
      const { child, ended } = await daemon([...args, ...mode]);
      await vi.waitFor(() => expect(pids()).toHaveLength(2), WAIT);
      child.kill('SIGTERM');
      expect(await ended).toEqual([mode.length, null]);
      // Who was killed is gone a moment later.
      await vi.waitFor(() => expect(pids().filter(runs)).toEqual([]), WAIT);
      expect(existsSync(old)).toBe(true);
    });
  });

  it('is one, and the second says who that is', async () => {
    const { args, archive } = setup();
    const { child } = await daemon(args);
    for (const more of [[], ['--once']]) {
      const { status, stderr } = cli([...args, ...more]);
      expect(status).toBe(1);
      expect(stderr).toMatch(
        new RegExp(`^cfn-metrics: archive ${archive} is in use by process ${child.pid} since 20[^\\n]*\\n$`),
      );
    }
  });

  it('is not waited for for ever by who asks it', async () => {
    const { args } = setup();
    const { child } = await daemon(args);
    child.kill('SIGSTOP');
    for (const [flag, what] of [
      ['--sync-now', 'sync'],
      ['--rotate-now', 'rotation'],
    ] as const) {
      expect(cli([...args, flag, '--timeout', '300ms'])).toMatchObject({
        status: 1,
        stderr: `cfn-metrics: process ${child.pid} was asked for a ${what}, and has not done it after 0.3 s\n`,
      });
    }
  });

  it('compresses in a thread of its own, into which nothing is preloaded', async () => {
    const { root, directory, args, archive } = setup();
    store(directory, 1, [{ metric: 'one' }]);
    const preloaded = join(root, 'preloaded.cjs');
    const says = `require('node:worker_threads').isMainThread ? 'main' : 'thread'`;
    writeFileSync(preloaded, `require('node:fs').appendFileSync(${JSON.stringify(`${root}/log`)}, ${says});`);
    const { child, ended } = await daemon([...args, '--finish-after', '100ms'], {
      NODE_OPTIONS: `--require ${preloaded}`,
    });
    expect(cli([...args, '--rotate-now']).status).toBe(0);
    const compressed = (): string[] => names(archive).filter((name) => name.endsWith('-1.jsonl.gz'));
    await vi.waitFor(() => expect(compressed()).toHaveLength(1), WAIT);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(readFileSync(join(root, 'log'), 'utf8')).toBe('main');
  });

  it('is succeeded by another one when it is killed', async () => {
    const { directory, args, archived } = setup();
    const { child, ended } = await daemon(args);
    store(directory, 1, [{ metric: 'unsynced' }]);
    child.kill('SIGKILL');
    await ended;
    await daemon(args);
    expect(archived()).toContain('unsynced');
  });

  it('answers how it is on 127.0.0.1', async () => {
    const { directory, archive, args } = setup();
    const port = await freePort();
    await daemon([...args, '--health-port', String(port), '--interval', '50ms']);
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, body: await response.json() };
    };
    expect(await ask('/healthz')).toMatchObject({ status: 200, body: { ok: true, error: null } });
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: { ok: true, directory, archive } });
    expect(await ask('/other')).toMatchObject({ status: 404 });
    // A page in a browser may have its own name point here.
    const foreign = get({ port, path: '/readyz', headers: { host: 'evil.example' }, agent: false });
    const [{ statusCode }] = (await once(foreign, 'response')) as [IncomingMessage];
    expect(statusCode).toBe(403);
    mkdirSync(join(directory, 'cfn-metrics-3.jsonl'));
    await vi.waitFor(async () => {
      expect(await ask('/readyz')).toMatchObject({
        status: 503,
        body: { ok: false, errors: expect.any(Number) },
      });
    }, WAIT);
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
    const second = cli([...setup().args, '--health-port', String(port)]);
    expect(second).toEqual({
      ...{ status: 2, stdout: '' },
      stderr: `cfn-metrics: --health-port ${port} cannot be used on 127.0.0.1: somebody else listens there\n`,
    });
  });

  it('stores how it is in the shards', async () => {
    const { directory, args } = setup();
    await daemon(args);
    await vi.waitFor(() => {
      const { groups } = JSON.parse(cli(['analyze', '--dir', directory, '--json']).stdout);
      const found = groups.map(({ metric }: { metric: string }) => metric);
      expect(found).toEqual(
        expect.arrayContaining([
          'cfn.archive.lag_seconds',
          'cfn.archive.free_bytes',
          'cfn.archive.archive_bytes',
        ]),
      );
    }, WAIT);
  });

  it('prints one object an event with --json', async () => {
    const { directory, args } = setup();
    store(directory, 1, [{}]);
    const { output, log } = await daemon([...args, '--json']);
    const events = output()
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(events[0]).toMatchObject({ type: 'synced', time: expect.stringMatching(/Z$/) });
    expect(log()).toBe('');
  });
});

describe('archive, once', () => {
  it('does what is due, and deletes only what the command lets go', () => {
    const { root, directory, archive, args } = setup();
    const time = Date.now() - 40 * 86_400_000;
    store(directory, 1, [{ time }]);
    const rest = ['--finish-after', '0s', '--hot-floor', '0s', '--hot-retention', '0s'];
    // What was sealed now is compressed the next time; then it leaves RAM, and the archive after that.
    const hook = join(root, 'hook');
    writeFileSync(hook, `#!/bin/sh\necho "$@" >> ${root}/asked\nexit 1\n`, { mode: 0o755 });
    const refused = [...args, '--once', ...rest, '--before-delete', hook, '--before-delete', 'cold storage'];
    for (let i = 0; i < 2; i += 1) cli(refused);
    const [name] = names(archive).filter((each) => each.endsWith('.gz'));
    const asked = readFileSync(join(root, 'asked'), 'utf8').split('\n')[0];
    expect(asked).toBe(`cold storage ${join(archive, name!)}`);
    const plan = cli([...args, '--dry-run', ...rest, '--json']);
    expect(JSON.parse(plan.stdout)).toMatchObject({
      archive: [{ name: name!.replace('.gz', ''), reason: 'age' }],
    });
    expect(cli([...args, '--dry-run']).stdout).toBe(
      `would delete ${name!.replace('.gz', '')} from the archive (age)\n`,
    );
    expect(existsSync(join(archive, name!))).toBe(true);
    expect(cli([...args, '--once', ...rest, '--before-delete', 'true']).status).toBe(0);
    expect(names(archive).filter((each) => each.endsWith('.gz'))).toEqual([]);
  });

  it('takes the archive and the days from the environment', () => {
    const { directory, archive } = setup();
    store(directory, 1, [{ metric: 'environment' }]);
    const env = { CFN_METRICS_DIR: directory, CFN_METRICS_ARCHIVE_DIR: archive };
    expect(cli(['archive', '--once'], { env }).status).toBe(0);
    expect(readdirSync(archive)).toContain('cfn-metrics-1.jsonl');
    const bad = cli(['archive', '--once'], { env: { ...env, CFN_METRICS_RETENTION_DAYS: '0' } });
    expect(bad.stderr).toContain(
      'CFN_METRICS_RETENTION_DAYS must be a whole number from 1 to 100000, got "0"',
    );
  });

  it('takes its settings from the config file, which list, verify and others know as well', () => {
    const { root, directory, archive } = setup();
    store(directory, 1, [{ metric: 'configured', time: Date.now() - 86_400_000 }]);
    const config = { directory, archive, retentionDays: '30', rotate: ['hourly'], maxArchiveBytes: '1G' };
    writeFileSync(join(root, 'cfn-metrics.config.json'), JSON.stringify(config));
    expect(cli(['archive', '--once'], { cwd: root }).status).toBe(0);
    const { segments } = JSON.parse(cli(['archive', 'list', '--json'], { cwd: root }).stdout);
    expect(segments).toHaveLength(1);
    expect(cli(['archive', 'cat'], { cwd: root }).stdout).toContain('configured');
  });

  it('is in the state directory of the user where nobody says otherwise', () => {
    const { root, directory } = setup();
    store(directory, 1, [{}]);
    const env = { CFN_METRICS_DIR: directory, XDG_STATE_HOME: join(root, 'state') };
    if (existsSync('/metrics/archive')) return;
    expect(cli(['archive', '--sync-now'], { env }).status).toBe(0);
    expect(readdirSync(join(root, 'state/cfn-metrics/archive'))).toContain('cfn-metrics-1.jsonl');
  });

  it.each([
    [['--interval', '5'], '--interval must be a time such as 30s, 5m or 1h30m, got "5"'],
    [['--interval', '9ms'], '--interval must be from 10ms to 24d, got "9ms"'],
    [['--interval', '25d'], '--interval must be from 10ms to 24d, got "25d"'],
    [['--rotate', 'weekly'], '--rotate must be daily, hourly or a size such as 64MiB, got "weekly"'],
    [['--max-archive-bytes', '0'], '--max-archive-bytes must be a size such as 512MiB or 1G, got "0"'],
    [['--retention-days', '1.5'], '--retention-days must be a whole number from 1 to 100000, got "1.5"'],
    [['--once', '--timeout', '5s'], '--timeout belongs to --sync-now and --rotate-now'],
    [['--sync-now', '--timeout', '5'], '--timeout must be a time such as 30s, 5m or 1h30m, got "5"'],
    [['--sync-now', '--timeout', '0s'], '--timeout must be from 1ms to 24d, got "0s"'],
    [['--before-delete-timeout', '5s'], '--before-delete-timeout belongs to --before-delete'],
    [['--health-port', '65536'], '--health-port must be a whole number from 1 to 65535, got "65536"'],
    [['--once', '--dry-run'], '--once and --dry-run exclude each other'],
    [['prune'], 'unexpected argument "prune"'],
    [['list', '--to', 'x'], '--to belongs to restore, not to list'],
    [['restore'], '--to is missing: where are the files to go?'],
  ])('refuses %j', (more, message) => {
    const { args } = setup();
    const wanted = more[0]!.startsWith('--') ? [...args, ...more] : ['archive', ...more];
    expect(cli(wanted)).toMatchObject({ status: 2, stderr: `cfn-metrics: ${message}\n` });
  });

  it('says what it could not archive, and of no attempt that there will not be', () => {
    const { directory, args } = setup();
    store(directory, 1, [{ value: 1 }]);
    const shard = join(directory, 'cfn-metrics-2.jsonl');
    symlinkSync(join(directory, 'cfn-metrics-1.jsonl'), shard);
    const { status, stderr } = cli([...args, '--once']);
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^\\S+Z error: ${shard} is not archived: ELOOP$`, 'm'));
    const events = cli([...args, '--once', '--json']).stdout;
    expect(events).toContain(`"type":"error","error":"${shard} is not archived: ELOOP"}`);
  });

  it('names the archive that cannot be written', () => {
    const { root, directory } = setup();
    writeFileSync(join(root, 'file'), '');
    const { status, stderr } = cli([
      'archive',
      '--once',
      '--dir',
      directory,
      '--archive',
      join(root, 'file/x'),
    ]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^cfn-metrics: archive \S+\/file\/x cannot be written: it is not a directory \(ENOTDIR\)/,
    );
  });
});

describe('archive, looking at it', () => {
  async function filled() {
    const test = setup();
    const time = Date.parse('2026-11-01T10:00:00Z');
    store(test.directory, 1, [{ time, value: 1 }]);
    cli([...test.args, '--once', '--finish-after', '0s']);
    cli([...test.args, '--once', '--finish-after', '0s']);
    store(test.directory, 1, [{ value: 2, time: Date.now() - 60_000 }, { value: 3 }]);
    cli([...test.args, '--sync-now']);
    const at = ['--archive', test.archive];
    return { ...test, at };
  }

  it('lists what is there', async () => {
    const { at } = await filled();
    const { stdout } = cli(['archive', 'list', ...at]);
    expect(stdout).toMatch(/^cfn-metrics-20261101-1\.jsonl .* 1 +0 +2026-11-01T10:00:00\.000Z/m);
    expect(stdout).toMatch(/^cfn-metrics-1\.jsonl /m);
    expect(stdout).toMatch(/^2 files, /m);
    const { segments } = JSON.parse(
      cli(['archive', 'list', ...at, '--json', '--until', '2026-11-02']).stdout,
    );
    expect(segments.map(({ name }: { name: string }) => name)).toContain('cfn-metrics-20261101-1.jsonl');
    expect(segments[0]).toMatchObject({ compressed: true, entry: { lines: 1 } });
  });

  it('prints the records of a time', async () => {
    const { at } = await filled();
    const values = (...range: string[]) =>
      cli(['archive', 'cat', ...at, ...range])
        .stdout.split('\n')
        .slice(0, -1)
        .map((text) => JSON.parse(text).value);
    expect(values()).toEqual([1, 2, 3]);
    expect(values('--until', '2026-11-02')).toEqual([1]);
    expect(values('--since', '30s')).toEqual([3]);
  });

  it('finds what was damaged', async () => {
    const { archive, at } = await filled();
    expect(cli(['archive', 'verify', ...at])).toMatchObject({
      status: 0,
      stdout: '2 files read, 0 problems\n',
    });
    const path = join(archive, 'cfn-metrics-20261101-1.jsonl.gz');
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(30) ^ 0x10, 30);
    writeFileSync(path, bytes);
    const { status, stderr } = cli(['archive', 'verify', ...at]);
    expect(status).toBe(1);
    expect(stderr).toContain(path);
    expect(cli(['archive', 'restore', ...at, '--to', `${archive}-restored`]).status).toBe(1);
  });

  it('puts files back, for analyze to read, and overwrites none', async () => {
    const { archive, at } = await filled();
    const to = `${archive}-restored`;
    expect(cli(['archive', 'restore', ...at, '--to', to]).status).toBe(0);
    const { records } = JSON.parse(cli(['analyze', '--dir', to, '--json']).stdout);
    expect(records).toBe(3);
    const again = cli(['archive', 'restore', ...at, '--to', to]);
    expect(again).toMatchObject({ status: 1 });
    expect(again.stderr).toContain('exists; nothing is overwritten');
  });

  it('takes of live copies those that have records of the time', async () => {
    const { archive, directory, args, at } = await filled();
    const now = Date.now();
    // One of two days, as after a night without an archiver, and one without a record.
    store(directory, 2, [{ time: now - 2 * 86_400_000 }, { time: now - 86_400_000 }]);
    cli([...args, '--sync-now']);
    writeFileSync(join(archive, 'cfn-metrics-3.jsonl'), 'no record\n');
    const iso = (time: number): string => new Date(time).toISOString();
    const listed = (...range: string[]): string[] => {
      const { segments } = JSON.parse(cli(['archive', 'list', ...at, '--json', ...range]).stdout);
      return segments.map(({ name }: { name: string }) => name);
    };
    const [old, one, two, three] = [
      ...['cfn-metrics-20261101-1.jsonl', 'cfn-metrics-1.jsonl'],
      ...['cfn-metrics-2.jsonl', 'cfn-metrics-3.jsonl'],
    ] as [string, string, string, string];
    const november = ['--since', '2026-11-01', '--until', '2026-11-02'];
    expect(listed()).toEqual([old, one, two, three]);
    expect(listed(...november)).toEqual([old]);
    expect(listed('--since', '1h')).toEqual([one]);
    expect(listed('--since', '30h')).toEqual([one, two]);
    expect(listed('--since', '60h', '--until', iso(now - 86_400_000))).toEqual([two]);
    expect(listed('--since', iso(now - 47 * 3_600_000), '--until', iso(now - 25 * 3_600_000))).toEqual([]);

    const to = `${archive}-restored`;
    const restored = (...range: string[]) => cli(['archive', 'restore', ...at, '--to', to, ...range]);
    expect(restored(...november)).toMatchObject({ status: 0, stdout: `${join(to, old)}\n` });
    expect(restored('--since', '1h')).toMatchObject({ status: 0, stdout: `${join(to, one)}\n` });
  });

  it.each(['list', 'verify', 'restore --to x', 'cat', '--dry-run'])(
    'says to %s which archive is none',
    (what) => {
      const { directory, archive } = setup();
      const args = what === '--dry-run' ? [what, '--dir', directory] : what.split(' ');
      expect(cli(['archive', ...args, '--archive', archive])).toMatchObject({
        status: 1,
        stdout: '',
        stderr: `cfn-metrics: archive ${archive} does not exist\n`,
      });
    },
  );
});

describe('the functions of bash', () => {
  it('sync and rotate', () => {
    const { directory, archive } = setup();
    const script = `source "${LIBRARY}"; emit_metric 1 from_bash 1; sync_metrics_to_disk && rotate_metrics`;
    const env = cleanEnvironment({
      ...{ CFN_METRICS_DIR: directory, CFN_METRICS_ARCHIVE_DIR: archive, CFN_METRICS_CLI: CLI },
    });
    const { status } = spawnSync('bash', ['-c', script], { env, timeout: 45_000 });
    expect(status).toBe(0);
    expect(Object.keys(contents(archive))).toEqual([expect.stringMatching(/^cfn-metrics-\d{8}-1\.jsonl$/)]);
  });
});
