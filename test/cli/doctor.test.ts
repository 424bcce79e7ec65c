import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  readdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bashFinding } from '../../src/cli/doctor/bash.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { lockFinding } from '../../src/cli/doctor/lock.js';
import { memoryFinding } from '../../src/cli/doctor/memory.js';
import { mountFindings } from '../../src/cli/doctor/mounts.js';
import { removeIpcFindings, removeIpcSetting } from '../../src/cli/doctor/remove-ipc.js';
import { loadLock } from '../../src/store/lock.js';
import { temporaryDirectory } from '../support/directory.js';
import { cli, store } from './run.js';

const GIB = 2 ** 30;

/** What doctor finds in a directory, by check. */
function doctor(
  directory: string,
  ...args: string[]
): { status: number | null; found: Record<string, Finding> } {
  const { status, stdout } = cli(['doctor', '--json', '--dir', directory, ...args]);
  const findings: Finding[] = JSON.parse(stdout).findings;
  return { status, found: Object.fromEntries(findings.map((finding) => [finding.check, finding])) };
}

describe('doctor', () => {
  it('finds nothing wrong with shards that are in use', () => {
    const directory = temporaryDirectory();
    store(directory, 3, [{ time: Date.now() - 90_000 }]);
    const { status, stdout } = cli(['doctor', '--dir', directory]);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^directory +${directory} +--dir$`, 'm'));
    expect(stdout).toMatch(/^ok {7}shards: 1 of 16, \d+ B, last record 1 min 30 s ago$/m);
    expect(stdout).toMatch(/^ok {7}rights: user \d+ may append$/m);
    expect(stdout).toMatch(/^\d+ ok, \d+ warnings?, 0 problems$/m);
  });

  it('reports a missing directory as a problem, with its cure', () => {
    const { status, found } = doctor('/nowhere/at/all');
    expect(status).toBe(1);
    expect(found['directory']).toEqual({
      check: 'directory',
      status: 'problem',
      message: '/nowhere/at/all does not exist: nothing is stored',
      cure: 'mkdir -m 0700 /nowhere/at/all',
    });
  });

  it('reports a directory in which anybody may replace files', () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o777);
    expect(doctor(directory)).toMatchObject({ status: 1, found: { directory: { status: 'problem' } } });
    chmodSync(directory, 0o1777);
    expect(doctor(directory)).toMatchObject({ status: 0, found: { directory: { status: 'ok' } } });
    chmodSync(directory, 0o770);
    expect(doctor(directory)).toMatchObject({ status: 0, found: { directory: { status: 'warning' } } });
  });

  it('reports planted links and FIFOs, and waits for neither', () => {
    const directory = temporaryDirectory();
    symlinkSync('/etc/passwd', join(directory, 'cfn-metrics-3.jsonl'));
    expect(doctor(directory)).toMatchObject({
      status: 1,
      found: {
        'planted file': { message: expect.stringContaining('cfn-metrics-3.jsonl is a symbolic link') },
      },
    });
    const other = temporaryDirectory();
    execFileSync('mkfifo', [join(other, 'cfn-metrics-4.jsonl')]);
    expect(doctor(other)).toMatchObject({
      status: 1,
      found: {
        'planted file': {
          message: expect.stringContaining('is a FIFO'),
          cure: expect.stringContaining('rm '),
        },
      },
    });
    mkdirSync(join(other, 'cfn-metrics-5.jsonl'));
    expect(doctor(other).status).toBe(1);
  });

  it('counts what is damaged at the end of the shards', () => {
    const directory = temporaryDirectory();
    store(directory, 1, [{}]);
    appendFileSync(join(directory, 'cfn-metrics-1.jsonl'), '{"timestamp":"2026-');
    store(directory, 1, [{}]);
    expect(doctor(directory).found['lines']).toMatchObject({
      status: 'warning',
      message: '1 torn at the end of cfn-metrics-1.jsonl: writers were killed while writing',
    });
    appendFileSync(join(directory, 'cfn-metrics-2.jsonl'), 'hello\n', { mode: 0o600 });
    expect(doctor(directory).found['lines']).toMatchObject({
      status: 'warning',
      message: '1 foreign line and 1 torn at the end of cfn-metrics-2.jsonl: they are skipped',
    });
  });

  it('sees that writers disagree about the number of shards, and clocks about the time', () => {
    const directory = temporaryDirectory();
    store(directory, 20, [{ time: Date.now() + 7_200_000 }]);
    const { status, found } = doctor(directory);
    expect(status).toBe(0);
    expect(found['shard count']).toMatchObject({
      status: 'warning',
      cure: 'set CFN_METRICS_SHARDS=21 for everybody, or remove it',
    });
    expect(found['clock']?.message).toMatch(/up to (2 h|1 h 59 min) ahead of this clock/);
    expect(doctor(directory, '--shards', '21').found['shard count']).toBeUndefined();
  });

  it.skipIf(loadLock().kind === 'none')('sees that somebody holds a shard locked', () => {
    const directory = temporaryDirectory();
    store(directory, 5, [{}]);
    expect(doctor(directory).found['foreign lock']).toBeUndefined();
    const fd = openSync(join(directory, 'cfn-metrics-5.jsonl'), 'r');
    onTestFinished(() => closeSync(fd));
    expect(loadLock().tryExclusive(fd)).toBe(true);
    expect(doctor(directory).found['foreign lock']).toMatchObject({
      status: 'warning',
      message: 'somebody holds cfn-metrics-5.jsonl locked for himself: agents append without the lock',
    });
  });

  it('says that agents do not read the config file', () => {
    const cwd = temporaryDirectory();
    const directory = temporaryDirectory();
    writeFileSync(join(cwd, 'cfn-metrics.config.json'), JSON.stringify({ directory, shards: 4 }));
    const { findings } = JSON.parse(cli(['doctor', '--json'], { cwd }).stdout) as { findings: Finding[] };
    expect(findings[0]).toMatchObject({
      check: 'config file',
      cure: `export CFN_METRICS_DIR=${directory} CFN_METRICS_SHARDS=4`,
    });
  });

  it('says what bash agents ignore', () => {
    const found = (lock: string): Finding | undefined => {
      const env = { CFN_METRICS_LOCK: lock, CFN_METRICS_DIR: temporaryDirectory() };
      const { findings } = JSON.parse(cli(['doctor', '--json'], { env }).stdout) as { findings: Finding[] };
      return findings.find(({ check }) => check === 'variables');
    };
    expect(found('foo')).toMatchObject({ status: 'warning', message: expect.stringContaining('got "foo"') });
    expect([found('flock'), found('')]).toEqual([undefined, undefined]);
  });

  it('shows what the config file says of forwarding, and no secret', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'cfn-metrics.config.yaml');
    const forward = ['  to: [otlp]', '  interval: 30s', '  deny: [debug.*]', '  units:'];
    const secret = ['  otlp:', '    endpoint: http://user:hush@localhost', '    token: hush'];
    writeFileSync(path, ['forward:', ...forward, ...secret].join('\n'));
    const { stdout } = cli(['doctor', '--json', '--dir', directory], { cwd: directory });
    const settings: { name: string; value: unknown; source: string }[] = JSON.parse(stdout).settings;
    const found = settings.filter(({ name }) => name.startsWith('forward.'));
    expect(found).toEqual(
      [
        { name: 'forward.to', value: 'otlp' },
        { name: 'forward.interval', value: '30s' },
        { name: 'forward.deny', value: '["debug.*"]' },
        { name: 'forward.otlp', value: 'endpoint, token' },
      ].map((each) => ({ ...each, source: path })),
    );
    expect(stdout).not.toContain('hush');
  });

  it.each([
    ['forward: {to: nowhere}', 'nowhere'],
    ['forward: {interval: soon}', 'interval must be'],
    ['forward: {intervall: 1m}', 'unknown setting "intervall"'],
    ['alerts: foo', 'cfn-metrics.config.yaml:1: alerts must be a mapping, got "foo"'],
    ['alerts: {rules: [{name: X}]}', 'cfn-metrics.config.yaml:1: alerts.rules[0] '],
  ])('refuses %s, as forward and alert do', (text, message) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'cfn-metrics.config.yaml'), text);
    const { status, stdout, stderr } = cli(['doctor', '--dir', directory], { cwd: directory });
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cfn-metrics: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  it('changes nothing', () => {
    const directory = temporaryDirectory();
    store(directory, 1, [{}]);
    // not with -a: the directory above is everybody's
    const files = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
    const listing = (): string =>
      execFileSync('ls', ['-ldi', '--time-style=full-iso', ...files], { encoding: 'utf8' }) +
      readdirSync(directory).join();
    const before = listing();
    doctor(directory);
    expect(listing()).toBe(before);
  });
});

describe('what doctor says of', () => {
  it('a lock that is missing: why, and how to get it', () => {
    const finding = (reason: string): Finding => lockFinding({ ...loadLock(), kind: 'none', reason });
    const built =
      "The module 'fs_ext.node' was compiled against NODE_MODULE_VERSION 115.\nThis version of Node.js requires 137.";
    expect(finding(built)).toMatchObject({ status: 'warning', cure: 'npm rebuild fs-ext' });
    const unbuilt =
      "Cannot find module './build/Release/fs_ext.node'\nRequire stack:\n- /x/node_modules/fs-ext/fs-ext.js";
    expect(finding(unbuilt).cure).toContain('npm install-scripts approve fs-ext');
    expect(finding(unbuilt).cure).toContain('npm rebuild fs-ext');
    expect(finding("Cannot find module 'fs-ext'\nRequire stack:\n- /x/dist/index.js").cure).toContain(
      'npm install fs-ext',
    );
  });

  it('logind, which removes what regular users leave in /dev/shm', () => {
    const status = (...args: Parameters<typeof removeIpcFindings>): string | undefined =>
      removeIpcFindings(...args)[0]?.status;
    expect(status('/dev/shm', [1000], true)).toBe('warning');
    expect(status('/dev/shm/cfn-metrics', [0, 1000], true)).toBe('warning');
    expect(status('/dev/shm', [1000], false)).toBe('ok');
    expect(status('/dev/shm', [0, 998], true)).toBe('ok');
    expect(status('/run/user/1000', [1000], true)).toBeUndefined();
    expect(status('/dev/shm', [1000], undefined)).toBeUndefined();
    expect(removeIpcSetting([])).toBe(true);
    expect(removeIpcSetting(['[Login]\n#RemoveIPC=no\n'])).toBe(true);
    expect(removeIpcSetting(['[Login]\nRemoveIPC=no\n'])).toBe(false);
    expect(removeIpcSetting(['[Login]\nRemoveIPC=no\n', '[Login]\n RemoveIPC = Yes\n'])).toBe(true);
  });

  it('a memory limit that the shards count against', () => {
    expect(memoryFinding(undefined, GIB, 0).status).toBe('ok');
    expect(memoryFinding({ limitBytes: 8 * GIB, usedBytes: GIB }, GIB, 1000).status).toBe('ok');
    expect(memoryFinding({ limitBytes: GIB, usedBytes: 0 }, GIB, 0)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('the file system may grow to 1 GiB'),
    });
    expect(memoryFinding({ limitBytes: GIB, usedBytes: 0 }, GIB / 4, GIB / 2)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('512 MiB in shards'),
    });
  });

  it('a shard that is a mount of its own', () => {
    const line = (point: string): string =>
      `36 35 98:0 /f ${point} rw,noatime master:1 - ext4 /dev/root rw\n`;
    const odd = '/srv/with blank';
    expect(mountFindings('/dev/shm', line('/dev/shm') + line('/dev/shm/other'))).toEqual([]);
    expect(mountFindings('/dev/shm', line('/dev/shm/cfn-metrics-7.jsonl'))[0]).toMatchObject({
      status: 'problem',
    });
    expect(mountFindings(odd, line('/srv/with\\040blank/cfn-metrics-7.jsonl'))).toHaveLength(1);
  });

  it('an old bash', () => {
    expect(bashFinding('5.2.15(1)-release').status).toBe('ok');
    expect(bashFinding('3.2.57(1)-release').status).toBe('warning');
  });
});
