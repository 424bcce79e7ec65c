import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { has } from '../support/tools.js';
import { cleanEnvironment, CLI, cli, type Outcome, store } from './run.js';

const GID = 4711;
const root = process.geteuid?.() === 0;

/** Mode, owner and group of a file, as `0660 0 4711`. */
function owned(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid} ${gid}`;
}

describe('init', () => {
  it('makes the shards for a group of this user, once', () => {
    const directory = temporaryDirectory();
    const group = `${process.getegid?.() ?? 0}`;
    const args = ['init', '--group', group, '--dir', directory, '--shards', '4', '--json'];
    const first = JSON.parse(cli(args).stdout);
    const names = [0, 1, 2, 3].map((shard) => `cfn-metrics-${shard}.jsonl`);
    expect(first).toMatchObject({
      directory,
      directoryCreated: false,
      created: names,
      repaired: [],
      unchanged: [],
    });
    for (const name of names)
      expect(owned(join(directory, name))).toBe(`0660 ${process.geteuid?.()} ${group}`);
    store(directory, 2, [{}]);
    const before = statSync(join(directory, names[2]!));
    chmodSync(join(directory, names[1]!), 0o600);
    rmSync(join(directory, names[3]!));
    const second = JSON.parse(cli(args).stdout);
    expect(second).toMatchObject({
      created: [names[3]],
      repaired: [names[1]],
      unchanged: [names[0], names[2]],
    });
    expect(statSync(join(directory, names[2]!))).toMatchObject({ ino: before.ino, size: before.size });
    expect(readdirSync(directory).sort()).toEqual(names);
  });

  it('refuses planted names before it changes anything', () => {
    const group = `${process.getegid?.() ?? 0}`;
    const refusal = (plant: (path: string) => void): string => {
      const directory = temporaryDirectory();
      plant(join(directory, 'cfn-metrics-7.jsonl'));
      const before = readdirSync(directory);
      const { status, stdout, stderr } = cli(['init', '--group', group, '--dir', directory]);
      expect({ status, stdout, now: readdirSync(directory) }).toEqual({ status: 1, stdout: '', now: before });
      expect(stderr).toMatch(/^cfn-metrics: [^\n]*; nothing was changed: remove it and run init again\n$/);
      return stderr;
    };
    expect(refusal((path) => symlinkSync('/etc/passwd', path))).toContain(
      'cfn-metrics-7.jsonl is a symbolic link',
    );
    expect(refusal((path) => symlinkSync('/nowhere', path))).toContain('is a symbolic link');
    expect(refusal((path) => execFileSync('mkfifo', [path]))).toContain('is a FIFO');
    expect(refusal((path) => mkdirSync(path))).toContain('is a directory');
    const secret = join(temporaryDirectory(), 'secret');
    writeFileSync(secret, '', { mode: 0o600 });
    expect(refusal((path) => linkSync(secret, path))).toContain('is a file with 2 names');
    expect(statSync(secret).mode & 0o777).toBe(0o600);
  });

  it('refuses a directory in which anybody may replace files', () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o777);
    expect(cli(['init', '--group', '0', '--dir', directory])).toMatchObject({
      status: 1,
      stderr: `cfn-metrics: anybody may replace files in ${directory} (mode 0777): chmod o-w or +t it first\n`,
    });
  });

  it('makes a missing directory, but not those above it', () => {
    const group = `${process.getegid?.() ?? 0}`;
    const parent = temporaryDirectory();
    const directory = join(parent, 'metrics');
    const { status, stdout } = cli(['init', '--group', group, '--dir', `${directory}/`]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^created .*\/metrics\/, mode 0750, group /);
    expect(owned(directory)).toBe(`0750 ${process.geteuid?.()} ${group}`);
    expect(readdirSync(parent)).toEqual(['metrics']);
    expect(cli(['init', '--group', group, '--dir', join(parent, 'a/b')])).toMatchObject({
      status: 1,
      stderr: `cfn-metrics: directory ${join(parent, 'a/b')} cannot be created: ENOENT\n`,
    });
  });
});

describe.skipIf(!root)('several users', () => {
  let home: string;

  // a copy that other users may read, wherever this checkout is
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'cfn-users-'));
    chmodSync(home, 0o755);
    const checkout = dirname(dirname(dirname(CLI)));
    cpSync(join(checkout, 'dist'), join(home, 'dist'), { recursive: true });
    copyFileSync(join(checkout, 'package.json'), join(home, 'package.json'));
    cpSync(join(checkout, 'node_modules/fs-ext'), join(home, 'node_modules/fs-ext'), { recursive: true });
    cpSync(process.execPath, join(home, 'node'));
    writeFileSync(
      join(home, 'agent.mjs'),
      `import { createEmitter } from 'cfn-metrics';
       const emitter = createEmitter({ agent: process.argv[2], onError: (error) => console.error(error.message) });
       console.log(emitter.emit('files_read', 1));
       emitter.close();`,
    );
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  /** Runs something as another user. */
  function as(uid: number, gid: number, command: readonly string[], directory: string): Outcome {
    const { status, stdout, stderr } = spawnSync(
      'setpriv',
      [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...command],
      { encoding: 'utf8', cwd: home, env: cleanEnvironment({ CFN_METRICS_DIR: directory }), timeout: 45_000 },
    );
    return { status, stdout, stderr };
  }
  const agent = (uid: number, gid: number, id: number, directory: string): Outcome =>
    as(uid, gid, [join(home, 'node'), 'agent.mjs', `${id}`], directory);

  it.each([
    ['a directory that init made', (): string => join(temporaryDirectory(), 'metrics')],
    [
      'a sticky directory for everybody, like /dev/shm',
      (): string => {
        const directory = temporaryDirectory();
        chmodSync(directory, 0o1777);
        return directory;
      },
    ],
  ])('append to the same shards in %s, and nobody else does', (_, make) => {
    const directory = make();
    chmodSync(dirname(directory), statSync(dirname(directory)).mode | 0o011);
    expect(cli(['init', '--group', `${GID}`, '--dir', directory]).status).toBe(0);
    expect(owned(join(directory, 'cfn-metrics-0.jsonl'))).toBe(`0660 0 ${GID}`);
    expect(agent(65534, GID, 1, directory)).toEqual({ status: 0, stdout: 'true\n', stderr: '' });
    expect(agent(65533, GID, 17, directory)).toEqual({ status: 0, stdout: 'true\n', stderr: '' });
    expect(agent(0, 0, 33, directory)).toEqual({ status: 0, stdout: 'true\n', stderr: '' });
    const stranger = agent(65532, 65532, 49, directory);
    expect(stranger.stdout).toBe('false\n');
    expect(stranger.stderr).toMatch(/EACCES|may not be written by this user/);
    const { groups } = JSON.parse(
      cli(['analyze', '--json', '--dir', directory, '--group-by', 'agent']).stdout,
    );
    expect(groups.map((group: { agent: string }) => group.agent)).toEqual([
      'agent-1',
      'agent-17',
      'agent-33',
    ]);
    const asMember = as(
      65534,
      GID,
      [join(home, 'node'), 'dist/cli/index.cjs', 'analyze', '--json'],
      directory,
    );
    expect(JSON.parse(asMember.stdout)).toMatchObject({ records: 3, unreadable: [] });
    const checkup = as(65534, GID, [join(home, 'node'), 'dist/cli/index.cjs', 'doctor'], directory);
    expect(checkup.stdout).toMatch(/^ok {7}rights: user 65534 may append$/m);
    const turnedAway = as(
      65532,
      65532,
      [join(home, 'node'), 'dist/cli/index.cjs', 'doctor', '--json'],
      directory,
    );
    expect(turnedAway.status).toBe(1);
    expect(turnedAway.stdout).toContain('cfn-metrics init --group GROUP');
  });

  it.skipIf(!has('strace'))('never pass O_CREAT for a shard that exists', () => {
    const directory = join(temporaryDirectory(), 'metrics');
    chmodSync(dirname(directory), 0o711);
    cli(['init', '--group', `${GID}`, '--dir', directory]);
    const strace = ['strace', '-f', '-e', 'trace=open,openat'];
    const { stdout, stderr } = as(65534, GID, [...strace, join(home, 'node'), 'agent.mjs', '1'], directory);
    expect(stdout).toBe('true\n');
    const opens = stderr.split('\n').filter((line) => line.includes('cfn-metrics-1.jsonl'));
    expect(opens.length).toBeGreaterThan(0);
    for (const open of opens) expect(open).not.toContain('O_CREAT');
  });

  it('cannot make init give their files to the group', () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o1777);
    store(directory, 2, [{}]);
    chownSync(join(directory, 'cfn-metrics-2.jsonl'), 65534, 65534);
    const { status, stderr } = cli(['init', '--group', `${GID}`, '--dir', directory]);
    expect(status).toBe(1);
    expect(stderr).toContain('cfn-metrics-2.jsonl belongs to user 65534; nothing was changed');
    expect(readdirSync(directory)).toEqual(['cfn-metrics-2.jsonl']);
    const { findings } = JSON.parse(cli(['doctor', '--json', '--dir', directory]).stdout);
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'planted file',
        message: expect.stringContaining('belongs to user 65534'),
      }),
    );
  });

  it('need not be root where the directory is their own, and must be where it is not', () => {
    const theirs = temporaryDirectory();
    chownSync(theirs, 65534, GID);
    const init = [join(home, 'node'), 'dist/cli/index.cjs', 'init', '--group', `${GID}`];
    expect(as(65534, GID, init, theirs).status).toBe(0);
    expect(owned(join(theirs, 'cfn-metrics-0.jsonl'))).toBe(`0660 65534 ${GID}`);
    const foreign = temporaryDirectory();
    chmodSync(foreign, 0o1777);
    const refused = as(65534, GID, init, foreign);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("agents trust only files of root and of the directory's owner");
    const notIn = as(65534, 65534, [...init.slice(0, -1), '0'], theirs);
    expect(notIn.stderr).toContain('this user is neither root nor in group 0');
  });

  it('never have a directory changed that exists', () => {
    const directory = temporaryDirectory();
    const before = owned(directory);
    const { stdout } = cli(['init', '--group', `${GID}`, '--dir', directory]);
    expect(owned(directory)).toBe(before);
    expect(stdout).toContain(`note: group ${GID} may not read ${directory}`);
  });
});
