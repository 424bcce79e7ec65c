import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, CLI, cli, startCli, store } from './run.js';
import { temporaryDirectory } from '../support/directory.js';

function setup() {
  const cwd = temporaryDirectory();
  const shm = join(cwd, 'shm');
  mkdirSync(shm);
  const env = { CFN_METRICS_DIR: shm, CFN_METRICS_ALERT_DIR: join(cwd, 'state') };
  const alert = (...args: string[]) => cli(['alert', ...args], { cwd, env });
  const write = (name: string, text: string): string => {
    // as a whole, since a daemon may be looking
    writeFileSync(join(cwd, `${name}.new`), text);
    renameSync(join(cwd, `${name}.new`), join(cwd, name));
    return join(cwd, name);
  };
  return { cwd, shm, env, alert, write };
}

const LOAD = (limit: number): string =>
  `defaults: false\ninterval: 1s\nrules:\n  - { name: Load, metric: load, above: ${limit}, window: 5m, groupBy: [agent] }\n`;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('alert --once', () => {
  it('works without a file: console and alerts.log in the directory of the shards', () => {
    const { alert, shm } = setup();
    store(shm, 0, [{ metric: 'coordination_time_ms', value: 15_000 }]);
    const { status, stdout } = alert('--once');
    expect(status).toBe(0);
    expect(stdout).toContain('Coordination time elevated');
    expect(readFileSync(join(shm, 'alerts.log'), 'utf8')).toContain('Coordination time elevated');
    // and not again: it was told less than five minutes ago
    expect(alert('--once').stdout).toBe('');
  });

  it('takes limits from the environment, and refuses bad ones', () => {
    const { env, cwd, shm } = setup();
    store(shm, 0, [{ metric: 'memory_usage_mb', value: 600 }]);
    const limit = (text: string) =>
      cli(['alert', '--once'], { cwd, env: { ...env, CFN_METRICS_ALERT_MEMORY_MB: text } });
    expect(limit('700').stdout).toBe('');
    expect(limit('500').stdout).toContain('High memory usage');
    expect(limit('lots')).toMatchObject({
      status: 2,
      stderr: 'cfn-metrics: CFN_METRICS_ALERT_MEMORY_MB must be a number above 0, got "lots"\n',
    });
  });

  it('does not expect the archive to be nearer than it is synced', () => {
    const { env, cwd, shm } = setup();
    store(shm, 0, [{ metric: 'cfn.archive.lag_seconds', value: 1000 }]);
    const every = (interval: string) =>
      cli(['alert', '--once'], { cwd, env: { ...env, CFN_METRICS_SYNC_INTERVAL: interval } }).stdout;
    expect(every('1h')).toBe('');
    expect(every('5m')).toContain('The archive lags behind');
  });

  it('is what check_alerts does in bash', () => {
    const { shm, env, cwd } = setup();
    const library = fileURLToPath(new URL('../../src/shell/cfn-metrics.sh', import.meta.url));
    const script = `source "${library}"; emit_metric 1 memory_usage_mb 2000; check_alerts; echo "status $?"`;
    const { stdout } = spawnSync('bash', ['-c', script], {
      ...{ cwd, encoding: 'utf8', env: cleanEnvironment({ ...env, CFN_METRICS_CLI: CLI }) },
    });
    expect(stdout).toMatch(/High memory usage.*agent-1[^]*status 0/);
    expect(readFileSync(join(shm, 'alerts.log'), 'utf8')).toContain('High memory usage');
  });

  it('takes rules from the config file', () => {
    const { alert, shm, write } = setup();
    write('cfn-metrics.config.yaml', `alerts:\n${LOAD(5).replace(/^/gm, '  ')}`);
    store(shm, 0, [{ metric: 'load', value: 6 }]);
    expect(alert('--once').stdout).toContain('Load');
  });
});

/** An alerter that goes on. */
function start(cwd: string, rules: string) {
  const place = ['--dir', join(cwd, 'shm'), '--state', join(cwd, 'state')];
  const started = startCli(['alert', '--rules', rules, ...place]);
  let errors = '';
  started.child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return { ...started, errors: () => errors };
}

describe('alert', () => {
  it('reloads when its file changes and at SIGHUP, keeps the old rules where the new ones are wrong, and ends by SIGTERM', async () => {
    const { shm, cwd, write } = setup();
    const rules = write('rules.yaml', LOAD(100));
    const { child, output, errors } = start(cwd, rules);
    store(shm, 0, [{ metric: 'load', value: 50 }]);
    store(shm, 0, [{ metric: 'load', agent: 'agent-9', value: 500 }]);
    await until(() => output().includes('agent-9'));
    write('rules.yaml', LOAD(100).replace('above', 'abov'));
    await until(() => errors().includes('rules.yaml:4: rules[0].abov is unknown'));
    write('rules.yaml', LOAD(20));
    await until(() => errors().includes('reloaded: 1 rule') && output().includes('agent-1,'));
    expect(output().match(/agent-9/g)).toHaveLength(1);
    child.kill('SIGHUP');
    await until(() => errors().match(/reloaded/g)?.length === 2);
    const second = cli(['alert', '--once', '--rules', rules, '--dir', shm, '--state', join(cwd, 'state')]);
    expect(second).toMatchObject({ status: 1 });
    expect(second.stderr).toContain(`in use by process ${child.pid}`);
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
  });

  it('goes on where the file cannot be looked at', async () => {
    const { shm, cwd, write } = setup();
    mkdirSync(join(cwd, 'rules'));
    const rules = write('rules/rules.yaml', LOAD(100));
    const { child, output, errors } = start(cwd, rules);
    store(shm, 0, [{ metric: 'load', value: 500 }]);
    await until(() => output().includes('Load'));
    renameSync(join(cwd, 'rules'), join(cwd, 'old'));
    write('rules', 'in the place of the directory');
    await until(() => errors().includes('rules.yaml cannot be read: ENOTDIR'));
    rmSync(join(cwd, 'rules'));
    renameSync(join(cwd, 'old'), join(cwd, 'rules'));
    await until(() => errors().includes('reloaded: 1 rule'));
    expect(errors().match(/cannot be read/g)).toHaveLength(1);
    child.kill('SIGTERM');
  });

  it('stores metrics of its own', async () => {
    const { shm, cwd } = setup();
    const { child } = startCli(['alert', '--interval', '1s', '--dir', shm, '--state', join(cwd, 'state')]);
    const seen = (): boolean =>
      cli(['analyze', '--dir', shm, '--json']).stdout.includes('cfn.alert.lag_seconds');
    await until(seen);
    child.kill('SIGTERM');
  });
});

describe('alert --check', () => {
  it('says how many rules there are, or the first mistake of each', () => {
    const { alert, write } = setup();
    expect(alert('--check')).toMatchObject({ status: 0, stdout: 'the rules out of the box: 10 rules\n' });
    const file = write(
      'rules.yaml',
      `${LOAD(1)}  - { name: A, metric: a }\n  - { name: B, metric: b, window: 3, for: soon }\n`,
    );
    const { status, stderr } = alert('--check', '--rules', file);
    expect(status).toBe(2);
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => /rules\.yaml:(\d)/.exec(line)?.[1]),
    ).toEqual(['5', '6']);
  });
});

describe('alert --test-notify', () => {
  it('sends an alert and its end', () => {
    const { alert, shm } = setup();
    expect(alert('--test-notify', 'file')).toMatchObject({
      status: 0,
      stdout: 'file took firing\nfile took resolved\n',
    });
    expect(readFileSync(join(shm, 'alerts.log'), 'utf8').trim().split('\n')).toHaveLength(2);
    expect(alert('--test-notify', 'pager')).toMatchObject({
      status: 2,
      stderr: 'cfn-metrics: --test-notify must be one of console, file, got "pager"\n',
    });
  });

  it('says which secret is missing, and never one that is there', () => {
    const { alert, write } = setup();
    const missing = write('a.yaml', 'channels: { ops: { type: slack, url: { env: NO_SUCH } } }\n');
    expect(alert('--test-notify', 'ops', '--rules', missing)).toMatchObject({ status: 2 });
    expect(alert('--test-notify', 'ops', '--rules', missing).stderr).toContain('NO_SUCH is not set');
    const refused = write(
      'b.yaml',
      'channels: { ops: { type: slack, url: "http://127.0.0.1:1/T0/secret" } }\n',
    );
    const { status, stderr, stdout } = alert('--test-notify', 'ops', '--rules', refused);
    expect(status).toBe(1);
    expect(stderr + stdout).not.toContain('T0/secret');
  });
});

describe('alert list and alert silence', () => {
  it('show what there is; a silence keeps it quiet until it expires', () => {
    const { alert, shm, write } = setup();
    const rules = write('rules.yaml', LOAD(5));
    store(shm, 0, [{ metric: 'load', value: 6 }]);
    expect(alert('list').stdout).toBe('no alerts\n');
    const added = alert('silence', 'add', '--match', 'agent=~agent-*', '--for', '2h', '--comment', 'tests');
    expect(added).toMatchObject({ status: 0, stderr: '' });
    expect(alert('--once', '--rules', rules).stdout).toBe('');
    expect(alert('list', '--rules', rules).stdout).toMatch(
      /firing, silenced +warning +Load +agent=agent-1 +6 +5/,
    );
    expect(JSON.parse(alert('list', '--json').stdout).alerts[0]).toMatchObject({
      silencedBy: added.stdout.trim(),
    });
    expect(alert('silence', 'list').stdout).toMatch(/1 h 59 min +agent=~agent-\* .*tests/);
    expect(alert('silence', 'expire', added.stdout.trim()).status).toBe(0);
    expect(alert('silence', 'list').stdout).toBe('no silences\n');
    expect(alert('--once', '--rules', rules).stdout).toContain('Load');
  });

  it('know an agent by its number', () => {
    const { alert, shm, write } = setup();
    const rules = write('rules.yaml', LOAD(5));
    store(shm, 7, [{ metric: 'load', value: 6, agent: 'agent-7' }]);
    const add = (match: string) =>
      alert('silence', 'add', '--match', match, '--for', '2h', '--comment', 'tests');
    for (const match of ['agent!=7', 'agent=07', 'agent=~7', 'other=7']) expect(add(match).status).toBe(0);
    expect(alert('--once', '--rules', rules).stdout).toContain('Load');
    expect(add('agent=7').status).toBe(0);
    expect(alert('list', '--rules', rules).stdout).toContain('firing, silenced');
  });

  it.each([
    [['silence'], 'must be followed by add, list or expire'],
    [['silence', 'add', '--for', '1h', '--comment', 'c'], 'needs --match'],
    [['silence', 'add', '--match', 'agent', '--for', '1h', '--comment', 'c'], '--match must be LABEL=VALUE'],
    [['silence', 'add', '--match', 'a=b', '--for', '1h'], 'needs --comment'],
    [['silence', 'add', '--match', 'a=b', '--comment', 'c'], 'needs --for'],
    [['silence', 'expire', 'nothing'], 'there is no silence "nothing"'],
    [['--once', '--check'], '--once and --check exclude each other'],
    [
      ['silence', 'add', '--match', 'agent=7', '--for', '9999999d', '--comment', 'c'],
      '--for must be from 1ms to 3650d, got "9999999d"',
    ],
    [['--interval', '10ms'], '--interval must be from 1s to 1h, got "10ms"'],
    [['--rules', 'missing.yaml', '--once'], 'missing.yaml cannot be read: ENOENT'],
    [['test'], 'alert test needs a file of tests'],
  ])('%j is bad usage', (args, message) => {
    const { status, stderr } = setup().alert(...args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

describe('alert test', () => {
  it('runs tests of rules, and says what is not as expected', () => {
    const { alert, write } = setup();
    write('rules.yaml', LOAD(5));
    const file = write(
      'rules.test.yaml',
      `rules: rules.yaml
tests:
  - name: load
    series: [{ metric: load, agent: 1, values: '1x3 9x3' }]
    expect:
      - { at: 1m, rule: Load, alerts: [] }
      - { at: 5m, rule: Load, alerts: [{ severity: warning, labels: { agent: agent-1 } }] }
`,
    );
    expect(alert('test', file)).toMatchObject({
      status: 0,
      stdout: 'ok     load\n1 test passed, 0 failed\n',
    });
    write('rules.yaml', LOAD(50));
    const { status, stdout } = alert('test', file);
    expect(status).toBe(1);
    expect(stdout).toMatch(/FAILED load\n.*rules\.test\.yaml:7: .*got none\n0 tests passed, 1 failed/);
  });
});
