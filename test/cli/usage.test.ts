import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import manifest from '../../package.json' with { type: 'json' };
import { asUser, cleanEnvironment, CLI, cli, mayChangeUser, shell, store } from './run.js';

const COMMANDS = ['analyze', 'tail', 'forward', 'up', 'doctor', 'simulate', 'init'];

describe('help', () => {
  it.each(COMMANDS)('of %s ends with an example', (command) => {
    const { status, stdout, stderr } = cli([command, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: cfn-metrics ${command} `));
    expect(stdout).toMatch(/\nExample: .*cfn-metrics.*\n$/);
    expect(cli(['help', command]).stdout).toBe(stdout);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it('lists all commands', () => {
    const { status, stdout } = cli(['--help']);
    expect(status).toBe(0);
    for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command}`);
  });

  it('knows the version', () => {
    expect(cli(['--version'])).toEqual({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });
});

describe('bad usage is one line that names it, and exit code 2', () => {
  it.each([
    [
      [],
      'which command? One of analyze, watch, cat, tail, archive, serve, forward, alert, up, doctor, simulate, init, help',
    ],
    [['analyse'], 'unknown command "analyse"; did you mean analyze?'],
    [
      ['frobnicate'],
      'unknown command "frobnicate"; there are analyze, watch, cat, tail, archive, serve, forward, alert, up, doctor, simulate, init, help',
    ],
    [
      ['__proto__'],
      'unknown command "__proto__"; there are analyze, watch, cat, tail, archive, serve, forward, alert, up, doctor, simulate, init, help',
    ],
    [['--verison'], 'unknown option "--verison"; there are'],
    [['help', 'tial'], 'unknown command "tial"; did you mean tail?'],
    [['analyze', '--sinc', '5m'], 'unknown option "--sinc"; did you mean --since?'],
    [['analyze', '-s', '5m'], 'unknown option "-s"'],
    [['analyze', '--since'], '--since needs a value'],
    [['analyze', '--since', ''], '--since needs a value'],
    [['analyze', '--since', '--json'], '--since needs a value, got "--json"'],
    [['analyze', '--json=yes'], '--json takes no value, got "yes"'],
    [['analyze', 'messages'], 'unexpected argument "messages"'],
    [
      ['analyze', '--since', 'yesterdayish'],
      '--since "yesterdayish" is no time; try 30s, "5 minutes ago" or',
    ],
    [['analyze', '--until', '30'], '--until "30" has no unit; try 30s or 30m'],
    [['analyze', '--since', '1m', '--until', '5m'], '--since "1m" is after --until "5m"'],
    [
      ['analyze', '--group-by', 'colour'],
      '--group-by must list metric, agent, shard or attr:NAME, got "colour"',
    ],
    [
      ['analyze', '--group-by', 'attr:'],
      '--group-by must list metric, agent, shard or attr:NAME, got "attr:"',
    ],
    [['analyze', '--json', '--csv'], '--json and --csv exclude each other'],
    [['tail', '--since', '5x'], '--since "5x" is no time'],
    [['tail', '--agent', 'a\nb'], '--agent: agent must be 1 to 128 characters'],
    [['doctor', '--shards', '0'], '--shards must be a whole number from 1 to 1024, got "0"'],
    [['doctor', '--shards=-1'], '--shards must be a whole number from 1 to 1024, got "-1"'],
    [['doctor', '--shards', '1e3'], '--shards must be a whole number from 1 to 1024, got "1e3"'],
    [['init'], '--group is missing'],
    [['init', '--group', 'no-such-group'], '--group "no-such-group" is no group of this host'],
    [['init', '--group=--help=x'], '--group "--help=x" is no group of this host'],
  ])('%j', (args, message) => {
    const { status, stdout, stderr } = cli(args);
    expect(stderr).toMatch(/^cfn-metrics: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('also where an environment variable is bad', () => {
    for (const shards of ['0', '-1', 'many', '99999999999999999999']) {
      const { status, stderr } = cli(['analyze'], { env: { CFN_METRICS_SHARDS: shards } });
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: `cfn-metrics: CFN_METRICS_SHARDS must be a whole number from 1 to 1024, got "${shards}"\n`,
      });
    }
  });

  it('shows a stack only where it is asked for', () => {
    expect(cli(['analyse'], { env: { CFN_METRICS_DEBUG: '1' } }).stderr).toMatch(/\n {4}at /);
  });

  it('escapes what a terminal would obey', () => {
    expect(cli(['\x1b[2J']).stderr).not.toContain('\x1b');
    const { stderr } = cli(['analyze', '--dir', '/nowhere\x1b[2J\n']);
    expect(stderr).toBe('cfn-metrics: directory /nowhere\\x1b[2J\\n does not exist\n');
  });
});

describe('a directory', () => {
  it.each([
    ['analyze'],
    ['tail'],
    ['watch', '--once'],
    ['alert'],
    ['alert', '--once'],
    ['serve', '--prometheus'],
    ['serve', '--answers'],
  ])('that was named and is missing fails %s %s', (...command) => {
    const byFlag = cli([...command, '--dir', '/nowhere/at/all']);
    expect(byFlag).toEqual({
      status: 1,
      stdout: '',
      stderr: 'cfn-metrics: directory /nowhere/at/all does not exist\n',
    });
    expect(cli(command, { env: { CFN_METRICS_DIR: '/nowhere/at/all' } })).toEqual(byFlag);
  });

  it('that this user cannot read fails whoever would follow it', ({ skip }) => {
    if (!mayChangeUser()) skip();
    const directory = temporaryDirectory();
    chmodSync(directory, 0o700);
    for (const command of [['tail'], ['serve', '--answers'], ['alert'], ['analyze']]) {
      const { status, stderr } = spawnSync('setpriv', asUser([CLI, ...command, '--dir', directory]), {
        ...{ encoding: 'utf8', env: cleanEnvironment(), timeout: 45_000 },
      });
      expect({ command, status, stderr }).toEqual({
        ...{ command, status: 1 },
        stderr: `cfn-metrics: directory ${directory} cannot be read by this user (EACCES)\n`,
      });
    }
  });

  it('that this user may read by a capability is read', ({ skip }) => {
    const directory = temporaryDirectory();
    store(directory, 1, [{}]);
    chmodSync(directory, 0o700);
    const capable = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
    const args = [...capable, ...asUser([CLI, 'analyze', '--json', '--dir', directory])];
    if (!mayChangeUser()) skip();
    const { status, stdout } = spawnSync('setpriv', args, { encoding: 'utf8', env: cleanEnvironment() });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ groups: [{ metric: 'files_read', count: 1 }] });
  });

  it('that is none fails', () => {
    expect(cli(['analyze', '--dir', '/etc/passwd'])).toMatchObject({
      status: 1,
      stderr: 'cfn-metrics: directory /etc/passwd is not a directory\n',
    });
  });
});

describe('output', () => {
  it('that nobody reads any more is no error', () => {
    const directory = temporaryDirectory();
    store(
      directory,
      0,
      Array.from({ length: 3000 }, (_, i) => ({ metric: `metric_${i}` })),
    );
    const { stdout, stderr } = shell(`cfn analyze --dir ${directory} | head -c 1; echo " \${PIPESTATUS[0]}"`);
    expect({ stdout, stderr }).toEqual({ stdout: 'E 0\n', stderr: '' });
  });

  it('that cannot be written is one line and exit code 1', () => {
    const directory = temporaryDirectory();
    store(directory, 0, [{}]);
    for (const command of ['help', `analyze --dir ${directory}`, `tail --since 1h --dir ${directory}`]) {
      const { status, stderr } = shell(`cfn ${command} >/dev/full`);
      expect({ command, status }).toEqual({ command, status: 1 });
      expect(stderr).toMatch(/^cfn-metrics: .*ENOSPC.*\n$/);
    }
  });
});
