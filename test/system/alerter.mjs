// The command with a real Alertmanager: what agents store becomes its alerts, grouped and silenced there, and is over there
// when it is over here; also where the alerter is killed in between.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, freePort, startServer, until } from './support.mjs';

const WITHIN_MS = 40_000;
const AGENTS = ['agent-1', 'agent-2', 'agent-3'];

/**
 * Runs the alerter beside an Alertmanager.
 *
 * @param {string} root - Where the package is, built.
 * @param {(what: string, ok: boolean, detail?: string) => void} check - Hears what is as it should be.
 */
export async function checkAlerter(root, check) {
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-alerter-'));
  const [shm, state, store] = ['shm', 'state', 'am'].map((name) => join(work, name));
  for (const directory of [shm, store]) mkdirSync(directory);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(work, 'alertmanager.yml');
  const route = { receiver: 'none', group_by: ['alertname'], group_wait: '1s', group_interval: '1s' };
  writeFileSync(config, JSON.stringify({ route, receivers: [{ name: 'none' }] }));
  const flags = [
    ...[`--config.file=${config}`, `--storage.path=${store}`, `--web.listen-address=127.0.0.1:${port}`],
    ...['--cluster.listen-address=', '--log.level=error'],
  ];
  const rules = join(work, 'rules.json');
  const rule = {
    name: 'Load',
    metric: 'load',
    statistic: 'last',
    window: '5m',
    above: 70,
    groupBy: ['agent'],
  };
  const channels = { am: { type: 'alertmanager', urls: [url], resendMs: 1000 } };
  writeFileSync(rules, JSON.stringify({ defaults: false, interval: '1s', channels, rules: [rule] }));
  const env = { ...process.env, CFN_METRICS_DIR: shm };
  const cli = join(root, 'dist/cli/index.cjs');
  const start = () =>
    spawn(process.execPath, [cli, 'alert', '--rules', rules, '--state', state], { env, stdio: 'ignore' });
  const emit = (agent, value) =>
    spawnSync(join(root, 'src/shell/cfn-emit'), [agent, 'load', String(value)], { env });
  const get = async (path) => {
    const response = await fetch(`${url}/api/v2/${path}`).catch(() => undefined);
    return response?.ok ? response.json() : [];
  };
  let alertmanager;
  let alerter;
  try {
    alertmanager = await startServer('prometheus-alertmanager', flags, `${url}/-/ready`);
    for (const agent of AGENTS) emit(agent, 99);
    alerter = start();
    const active = await until(async () => {
      const alerts = await get('alerts?active=true');
      return alerts.length === AGENTS.length && alerts;
    }, WITHIN_MS);
    check('an Alertmanager has what agents stored as alerts', active !== undefined);
    const groups = await get('alerts/groups');
    check('it groups them', groups.length === 1 && groups[0].alerts.length === AGENTS.length);

    const silence = {
      ...{ startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 3_600_000).toISOString() },
      ...{ createdBy: 'test', comment: 'test' },
      matchers: [{ name: 'agent', value: 'agent-1', isRegex: false, isEqual: true }],
    };
    const headers = { 'content-type': 'application/json' };
    await fetch(`${url}/api/v2/silences`, { method: 'POST', headers, body: JSON.stringify(silence) });
    const suppressed = await until(async () => {
      const [alert] = await get('alerts?filter=agent%3D%22agent-1%22');
      return alert?.status.state === 'suppressed';
    }, WITHIN_MS);
    check('it silences one of them', suppressed === true);

    await endProcess(alerter, 'SIGKILL');
    emit('agent-2', 1);
    alerter = start();
    const two = await until(async () => {
      const names = (await get('alerts?active=true')).map(({ labels }) => labels.agent);
      return names.length === 2 && !names.includes('agent-2');
    }, WITHIN_MS);
    check('one is over there, that was over while the alerter was killed', two === true);
    const since = (await get('alerts')).map(({ startsAt }) => startsAt).sort();
    const before = (active ?? []).map(({ startsAt }) => startsAt);
    check(
      'the others began when they began',
      since.length > 0 && since.every((time) => before.includes(time)),
    );
    for (const agent of AGENTS) emit(agent, 1);
    const none = await until(async () => (await get('alerts?active=true')).length === 0, WITHIN_MS);
    check('all of them are over', none === true);
  } finally {
    if (alerter !== undefined) await endProcess(alerter, 'SIGTERM');
    await alertmanager?.end('SIGTERM');
    rmSync(work, { recursive: true, force: true });
  }
}
