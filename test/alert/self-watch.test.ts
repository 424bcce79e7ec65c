import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cleanEnvironment, CLI, store } from '../cli/run.js';
import { temporaryDirectory } from '../support/directory.js';
import { IN_CI } from '../support/tools.js';
import { receiver, status } from './channels/receiver.js';

const LIBRARY = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path));
const SHELL = fileURLToPath(new URL('../../src/shell/cfn-metrics.sh', import.meta.url));
const WITHIN_MS = 120_000;
/** The clock is moved on by less than what the alerter calls a lag. */
const STEP_S = 45;

/** The command `alert` as a process with a clock of its own, two channels at a real server, and the rules out of the box. */
async function setup() {
  const root = temporaryDirectory();
  const [shm, state, clock] = [join(root, 'shm'), join(root, 'state'), join(root, 'clock')];
  mkdirSync(shm);
  let offset = 0;
  const setClock = (): void => {
    writeFileSync(`${clock}.new`, `+${offset}`);
    renameSync(`${clock}.new`, clock);
  };
  setClock();
  // What a path answers in the place of 200.
  const answers = new Map<string, ReturnType<typeof status>>();
  const { url, received } = await receiver((response, request, body) => {
    (answers.get(request.url ?? '') ?? status(200, 'ok'))(response, request, body);
  });
  const base = new URL(url).origin;
  const rules = join(root, 'rules.yaml');
  writeFileSync(
    rules,
    `interval: 1s
heartbeat: { channels: [ops], interval: 1s }
channels:
  ops: { type: webhook, url: '${base}/ops', maxPerMinute: 6000 }
  other: { type: webhook, url: '${base}/other' }
rules: [{ name: Load, metric: load, above: 70, window: 10s, forgetAfter: 1m, channels: [other] }]
`,
  );
  const env = cleanEnvironment({
    ...{ CFN_METRICS_DIR: shm, CFN_METRICS_ALERT_DIR: state },
    ...{ LD_PRELOAD: LIBRARY ?? '', FAKETIME_NO_CACHE: '1', FAKETIME_TIMESTAMP_FILE: clock },
  });
  const start = (args: readonly string[], more: NodeJS.ProcessEnv = {}): ChildProcess => {
    const child = spawn(process.execPath, [CLI, ...args], { env: { ...env, ...more }, stdio: 'ignore' });
    onTestFinished(() => {
      child.kill('SIGKILL');
      // what libfaketime leaves of a process that was killed
      for (const name of [`faketime_shm_${child.pid}`, `sem.faketime_sem_${child.pid}`])
        rmSync(join('/dev/shm', name), { force: true });
    });
    return child;
  };
  const evaluatedAt = (): number => {
    const path = join(state, 'state.json');
    return existsSync(path) ? Number(JSON.parse(readFileSync(path, 'utf8')).evaluatedAt) : 0;
  };
  /** Lets time pass, and the alerter see it. */
  const pass = async (seconds: number): Promise<void> => {
    for (let left = seconds; left > 0; left -= STEP_S) {
      offset += Math.min(STEP_S, left);
      setClock();
      const now = Date.now() + offset * 1000;
      await until(() => evaluatedAt() >= now);
    }
  };
  const jump = (seconds: number): void => {
    offset += seconds;
    setClock();
  };
  /** What was said of a rule last at a channel that takes everything. */
  const said = (rule: string): string | undefined =>
    received
      .filter(({ path }) => path === '/ops')
      .flatMap(({ body }) => JSON.parse(body).alerts as { status: string; labels: { alertname: string } }[])
      .filter(({ labels }) => labels.alertname === rule)
      .at(-1)?.status;
  // Timers go by the monotonic clock, which nobody moves.
  const alerter = start(['alert', '--rules', rules], { FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  await until(() => said('Heartbeat') === 'firing');
  const load = (value: number): void => {
    store(shm, 0, [{ time: Date.now() + offset * 1000, metric: 'load', value }]);
  };
  return { shm, root, env, answers, received, alerter, start, pass, jump, said, load };
}

function readShards(directory: string): string {
  const shards = readdirSync(directory).filter((name) => /^cfn-metrics-.*jsonl$/.test(name));
  return shards.map((name) => readFileSync(join(directory, name), 'utf8')).join('');
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  while (!condition()) {
    await delay(20);
    if (performance.now() > end) throw new Error(`it did not come to be: ${String(condition)}`);
  }
}

describe('what watches the alerter', { timeout: WITHIN_MS }, () => {
  it.runIf(IN_CI)('has a clock that can be moved', () => {
    expect(LIBRARY).toBeDefined();
  });

  const test = it.runIf(LIBRARY !== undefined);

  test('a heartbeat arrives at a server again and again, and stops when the alerter is killed', async () => {
    const { received, alerter } = await setup();
    await until(() => received.length >= 3);
    const exited = once(alerter, 'exit');
    alerter.kill('SIGKILL');
    await exited;
    await delay(100);
    const before = received.length;
    await delay(3000);
    expect(received).toHaveLength(before);
    expect(JSON.parse(received[0]!.body).commonLabels).toMatchObject({ alertname: 'Heartbeat' });
  });

  test('AlerterLag: it was stopped for a while', async () => {
    const { alerter, jump, pass, said } = await setup();
    alerter.kill('SIGSTOP');
    jump(90);
    alerter.kill('SIGCONT');
    await until(() => said('AlerterLag') === 'firing');
    await pass(180);
    await until(() => said('AlerterLag') === 'resolved');
  });

  test('TornLines: a writer was killed in the middle of a line', async () => {
    const { shm, pass, said } = await setup();
    appendFileSync(join(shm, 'cfn-metrics-3.jsonl'), '{"timestamp":"2026-11-21T12:00:00.000Z","agent":"ag\n');
    await until(() => said('TornLines') === 'firing');
    await pass(330);
    await until(() => said('TornLines') === 'resolved');
  });

  test('RecordsDropped: a writer in bash could not store records', async () => {
    const { env, pass, said } = await setup();
    const script = `source '${SHELL}'; emit_metric 1 load much; emit_metric 1 load 1`;
    spawnSync('bash', ['-c', script], { env });
    await until(() => said('RecordsDropped') === 'firing');
    await pass(330);
    await until(() => said('RecordsDropped') === 'resolved');
  });

  test('NotificationsRefused: a channel answers 404', async () => {
    const { answers, load, pass, received, said } = await setup();
    answers.set('/other', status(404, 'no_service'));
    load(99);
    await until(() => received.some(({ path }) => path === '/other'));
    answers.clear();
    await until(() => said('NotificationsRefused') === 'firing');
    await pass(330);
    await until(() => said('NotificationsRefused') === 'resolved');
  });

  test('NotificationsFail: a channel answers 503 for more than five minutes', async () => {
    const { answers, load, pass, received, said } = await setup();
    answers.set('/other', status(503));
    load(99);
    await until(() => received.some(({ path }) => path === '/other'));
    expect(said('NotificationsFail')).toBeUndefined();
    await pass(330);
    await until(() => said('NotificationsFail') === 'firing');
    answers.clear();
    await pass(90);
    await until(() => said('NotificationsFail') === 'resolved');
  });

  test('ArchiverLag: the disk of the archive is gone for a quarter of an hour', async () => {
    const { root, start, pass, said, load } = await setup();
    const archive = join(root, 'archive');
    mkdirSync(archive);
    load(1);
    // Its lag goes by the monotonic clock, which is moved as well.
    start(['archive', '--archive', archive, '--interval', '1s']);
    await until(() => existsSync(join(archive, 'cfn-metrics-0.jsonl')));
    renameSync(archive, `${archive}.away`);
    await pass(1000);
    await until(() => said('ArchiverLag') === 'firing');
    renameSync(`${archive}.away`, archive);
    for (let i = 0; i < 20 && said('ArchiverLag') !== 'resolved'; i += 1) await pass(31);
    expect(said('ArchiverLag')).toBe('resolved');
  });

  test('ArchiverSilent: it was killed, with a lag that was no lag', async () => {
    const { shm, root, start, pass, said, load } = await setup();
    load(1);
    const archive = ['archive', '--archive', join(root, 'archive'), '--interval', '1s'];
    const isThere = (): boolean => readShards(shm).includes('cfn.archive.lag_seconds');
    const archiver = start(archive);
    await until(isThere);
    await pass(60);
    expect(said('ArchiverSilent')).toBeUndefined();
    archiver.kill('SIGKILL');
    await once(archiver, 'exit');
    await pass(360);
    await until(() => said('ArchiverSilent') === 'firing');
    expect(said('ArchiverLag')).toBeUndefined();
    start(archive);
    for (let i = 0; i < 20 && said('ArchiverSilent') !== 'resolved'; i += 1) await pass(31);
    expect(said('ArchiverSilent')).toBe('resolved');
  });
});
