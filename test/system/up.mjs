// The units of the alerter and of up with Debian's supervisord, as they are but for paths and ports: whoever is killed is back.
// And a minute of the soak of everything.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './support.mjs';

const BACK_WITHIN_MS = 60_000;

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** supervisord with one of deploy/supervisor, until `use` is done. */
async function underSupervisor(root, name, changes, use) {
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-system-'));
  for (const directory of ['shm', 'bin', 'state']) mkdirSync(join(work, directory));
  const command = join(work, 'bin/cfn-metrics');
  writeFileSync(
    command,
    `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/cli/index.cjs')}" "$@"\n`,
  );
  chmodSync(command, 0o755);
  let program = readFileSync(join(root, `deploy/supervisor/${name}.conf`), 'utf8')
    .replaceAll('/var/lib/cfn-metrics', join(work, 'state'))
    .replaceAll('/var/log', work)
    .replace('stdout_logfile=/dev/null', `stdout_logfile=${join(work, 'stdout')}`);
  for (const [from, to] of changes) program = program.replace(from, to);
  const log = join(work, 'supervisord.log');
  const main = `[supervisord]\nnodaemon=true\nlogfile=${log}\npidfile=${join(work, 'pid')}\n`;
  writeFileSync(join(work, 'supervisord.conf'), `${main}\n${program}`);
  const env = {
    ...process.env,
    PATH: `${join(work, 'bin')}:${process.env.PATH}`,
    CFN_METRICS_DIR: join(work, 'shm'),
  };
  const supervisord = spawn('supervisord', ['-c', join(work, 'supervisord.conf')], { env, stdio: 'ignore' });
  const pids = () =>
    [...read(log).matchAll(/spawned: '[^']+' with pid (\d+)/g)].map(([, pid]) => Number(pid));
  try {
    await use({ work, env, pids });
  } finally {
    supervisord.kill('SIGTERM');
    if (supervisord.exitCode === null) await once(supervisord, 'exit');
    rmSync(work, { recursive: true, force: true });
  }
}

async function checkAlertUnit({ check, root }) {
  await underSupervisor(root, 'cfn-metrics-alert', [], async ({ work, pids }) => {
    const state = join(work, 'state/alert/state.json');
    check('supervisord starts the alerter', await until(() => existsSync(state), BACK_WITHIN_MS));
    const [first] = pids();
    rmSync(state);
    process.kill(first, 'SIGKILL');
    const back = await until(() => pids().length > 1 && existsSync(state), BACK_WITHIN_MS);
    check('the alerter is back after kill -9', back === true);
  });
}

async function checkUpUnit({ check, root }) {
  const ports = 'cfn-metrics up --health-port=0 --prometheus-port=0 --answer-port=0';
  await underSupervisor(root, 'cfn-metrics-up', [['cfn-metrics up', ports]], async ({ work, env, pids }) => {
    /** What the supervisor of that number says, once all its companions are ready. */
    const ready = (number) =>
      until(async () => {
        const urls = read(join(work, 'stdout')).match(/http:\S+\/health$/gm) ?? [];
        if (urls.length < number) return undefined;
        try {
          const health = await (await fetch(urls[number - 1])).json();
          return health.status === 'ready' ? health : undefined;
        } catch {
          return undefined;
        }
      }, BACK_WITHIN_MS);
    const first = await ready(1);
    check('supervisord starts up, and all companions are ready', first !== undefined);
    if (first === undefined) {
      console.log(read(join(work, 'cfn-metrics-up.log')));
      return;
    }
    const emit = (number) =>
      spawnSync(join(root, 'src/shell/cfn-emit'), ['1', 'lines', String(number)], { env });
    for (let number = 0; number < 50; number += 1) emit(number);
    process.kill(pids()[0], 'SIGKILL');
    for (let number = 50; number < 100; number += 1) emit(number);
    const second = await ready(2);
    check('after kill -9 of up all of them are back', second !== undefined && second.pid !== first.pid);
    const archive = join(work, 'state/archive');
    const cfn = (...args) => spawnSync(join(work, 'bin/cfn-metrics'), args, { env, encoding: 'utf8' });
    const sync = cfn('archive', '--sync-now', '--archive', archive);
    check('its archiver syncs when it is asked', sync.status === 0, sync.stderr.trim());
    const values = cfn('archive', 'cat', '--archive', archive)
      .stdout.split('\n')
      .filter((line) => line.includes('"metric":"lines"'))
      .map((line) => JSON.parse(line).value);
    const whole = values.length === 100 && new Set(values).size === 100;
    check('nothing is lost with up, and nothing is there twice', whole, `${values.length} of 100 records`);
  });
}

function checkSoak({ check, root }) {
  const args = [
    'test/soak/run.mjs',
    '--agents',
    '60',
    '--duration',
    '60s',
    '--days-per-minute',
    '10',
    '--archive-mib',
    '1',
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 180_000,
  });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  check('the soak of everything, for a minute', status === 0, status === 0 ? last : `${stdout}${stderr}`);
}

/** Checks the units of deploy/supervisor that run an alerter and all companions. */
export async function checkUp(tools) {
  if (!tools.bring('supervisord', 'supervisor')) return tools.check('supervisord is there', false);
  await checkAlertUnit(tools);
  await checkUpUnit(tools);
  checkSoak(tools);
}
