#!/usr/bin/env node
// The units of deploy/ with the real supervisors: systemd-analyze reads the one, Debian's supervisord runs the other,
// and the archiver that it runs is killed; the channels of alerts with a real Alertmanager; what is served with a real
// Prometheus; what is forwarded with that and a real VictoriaMetrics; and 500 agents who coordinate. Installs what is missing where it may.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAlerter } from '../test/system/alerter.mjs';
import { checkAlertmanager } from '../test/system/alertmanager.mjs';
import { checkDesign } from '../test/system/design.mjs';
import { checkForward } from '../test/system/forward.mjs';
import { checkPrometheus } from '../test/system/prometheus.mjs';
import { checkSimulation } from '../test/system/simulate.mjs';
import { until } from '../test/system/support.mjs';
import { checkUp } from '../test/system/up.mjs';
import { ready, root } from './ready.mjs';

const BACK_WITHIN_MS = 30_000;
const POLICY = '/usr/sbin/policy-rc.d';
let passed = 0;
let failed = 0;

function check(what, ok, detail = '') {
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}${detail === '' ? '' : `: ${detail}`}`);
}

function bring(command, name) {
  const there = () => spawnSync('which', [command]).status === 0;
  if (!there() && process.getuid() === 0 && spawnSync('which', ['apt-get']).status === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
    // what is installed here is started by the tests, on ports of their own
    const forbidden = forbidStarts();
    spawnSync('apt-get', ['install', '-yqq', '--no-install-recommends', name], { env, stdio: 'ignore' });
    if (forbidden) rmSync(POLICY);
  }
  return there();
}

/** Keeps Debian from starting what it installs, unless something does already. */
function forbidStarts() {
  if (existsSync(POLICY)) return false;
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return true;
}

function checkSystemd() {
  if (!bring('systemd-analyze', 'systemd')) return check('systemd-analyze is there', false);
  for (const name of readdirSync(join(root, 'deploy/systemd'))) {
    const unit = join(root, 'deploy/systemd', name);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    check(`systemd-analyze verify ${name}`, status === 0 && stderr === '', stderr.trim());
  }
}

/** supervisord with deploy/supervisor as it is, but for the paths, which are those of this test. */
async function checkSupervisor() {
  if (!bring('supervisord', 'supervisor')) return check('supervisord is there', false);
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-system-'));
  const [shm, archive, bin] = ['shm', 'archive', 'bin'].map((name) => join(work, name));
  for (const directory of [shm, bin]) mkdirSync(directory);
  const cli = join(root, 'dist/cli/index.cjs');
  const command = join(bin, 'cfn-metrics');
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(command, 0o755);
  const program = readFileSync(join(root, 'deploy/supervisor/cfn-metrics-archive.conf'), 'utf8')
    .replaceAll('/var/lib/cfn-metrics/archive', archive)
    .replaceAll('/var/log/cfn-metrics-archive.log', join(work, 'archive.log'));
  const main = `[supervisord]\nnodaemon=true\nlogfile=${join(work, 'supervisord.log')}\npidfile=${join(work, 'pid')}\n`;
  const config = join(work, 'supervisord.conf');
  writeFileSync(config, `${main}\n${program}`);
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, CFN_METRICS_DIR: shm };
  const supervisord = spawn('supervisord', ['-c', config], { env, stdio: 'ignore' });
  const holder = () => {
    try {
      return JSON.parse(readFileSync(join(archive, 'cfn-metrics.archive.lock'), 'utf8'));
    } catch {
      return undefined;
    }
  };
  try {
    const first = await until(() => holder()?.sync && holder(), BACK_WITHIN_MS);
    check('supervisord starts the archiver', first !== undefined);
    if (first === undefined) return;
    const emit = (number) =>
      spawnSync(join(root, 'src/shell/cfn-emit'), ['1', 'lines', String(number)], { env });
    for (let number = 0; number < 50; number += 1) emit(number);
    const killedAt = performance.now();
    process.kill(first.pid, 'SIGKILL');
    for (let number = 50; number < 100; number += 1) emit(number);
    const second = await until(
      () => holder()?.pid !== first.pid && holder()?.sync && holder(),
      BACK_WITHIN_MS,
    );
    const seconds = ((performance.now() - killedAt) / 1000).toFixed(1);
    check('the archiver is back within 30 s after kill -9', second !== undefined, `${seconds} s`);
    const sync = spawnSync(command, ['archive', '--sync-now', '--archive', archive], {
      env,
      encoding: 'utf8',
    });
    check('it syncs when it is asked', sync.status === 0, sync.stderr.trim());
    const { stdout } = spawnSync(command, ['archive', 'cat', '--archive', archive], {
      env,
      encoding: 'utf8',
    });
    const values = stdout
      .split('\n')
      .filter((line) => line.includes('"metric":"lines"'))
      .map((line) => JSON.parse(line).value);
    const whole = values.length === 100 && new Set(values).size === 100;
    check('nothing is lost, and nothing is there twice', whole, `${values.length} of 100 records`);
    const inRam = readdirSync(shm).some((name) => /^cfn-metrics-\d+\.jsonl$/.test(name));
    check('writers went on meanwhile', inRam);
  } finally {
    supervisord.kill('SIGTERM');
    if (supervisord.exitCode === null) await once(supervisord, 'exit');
    if (failed > 0 && existsSync(join(work, 'archive.log'))) {
      console.log(readFileSync(join(work, 'archive.log'), 'utf8'));
    }
    rmSync(work, { recursive: true, force: true });
  }
}

await ready({ examples: true });
checkSystemd();
await checkSupervisor();
await checkUp({ check, bring, root });
await checkAlertmanager({ check, bring, root });
if (bring('prometheus-alertmanager', 'prometheus-alertmanager')) await checkAlerter(root, check);
await checkPrometheus({ check, bring, root });
checkDesign(root, check);
await checkForward({ check, bring, root });
await checkSimulation({ check, root });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
