// What is forwarded, with Debian's own VictoriaMetrics and Prometheus: 500 agents that restart, die and idle for two
// minutes, while each backend is ended and started again three times and each forwarder is killed twenty times. In the end
// both backends have exactly what each agent counted, and nothing of any time is missing. And several hosts, each a network of its own,
// in one VictoriaMetrics.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AGENTS, RUN_MS, startFleet } from './fleet.mjs';
import { askPrometheus, endProcess, freePort, startServer } from './support.mjs';

const INTERVAL_S = 2;
const KILLS = 20;
const STARTS_WITHIN_MS = 5000;
const OUTAGES = 3;
const OUTAGE_MS = 8000;
const HOSTS = ['host-a', 'host-b', 'host-c'];

/** Everything that is checked; `env` has what `npm run test:system` shares among its parts. */
export async function checkForward(env) {
  const { check, bring } = env;
  if (!bring('victoria-metrics', 'victoria-metrics')) return check('victoria-metrics is there', false);
  if (!bring('prometheus', 'prometheus')) return check('prometheus is there', false);
  await checkFleet(env);
  await checkHosts(env);
}

async function checkFleet({ check, root }) {
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-forward-'));
  const shm = mkdtempSync('/dev/shm/cfn-metrics-forward-');
  const running = [];
  try {
    const victoria = await startVictoria(work, '127.0.0.1');
    running.push(() => victoria.end('SIGTERM'));
    const prometheus = await startPrometheus(work);
    running.push(() => prometheus.end('SIGTERM'));
    const startedAt = Date.now();
    const fleets = startFleet(root, shm);
    running.push(() => fleets.forEach(({ child }) => child.kill('SIGKILL')));
    const forwarders = [
      startForwarder(root, work, shm, 'victoria', {
        to: ['prometheus-remote-write', 'datadog'],
        'prometheus-remote-write': { url: victoria.url, preset: 'victoriametrics' },
        datadog: { endpoint: `${victoria.url}/datadog`, apiKey: 'k', apiVersion: 1 },
      }),
      startForwarder(root, work, shm, 'prometheus', {
        to: ['prometheus-remote-write'],
        'prometheus-remote-write': { url: prometheus.url },
      }),
    ];
    running.push(() => Promise.all(forwarders.map(({ end }) => end('SIGKILL'))));
    const disturbed = Promise.all([
      // It says yes before it has written anything down: what a kill would take from it, no sender can know.
      disturbBackend(victoria, 'SIGTERM'),
      disturbBackend(prometheus, 'SIGKILL'),
      ...forwarders.map(disturbForwarder),
    ]);
    const counted = (await Promise.all(fleets.map(({ counted: said }) => said))).flat();
    await disturbed;
    const endedAt = Date.now();
    const codes = await Promise.all(forwarders.map(({ end }) => end('SIGTERM')));
    check(
      'forwarders end by SIGTERM, with all of it told',
      codes.every((code) => code === 0),
      codes.join(', '),
    );
    const kills = forwarders.map(({ kills: number }) => number).join(' and ');
    check(
      'forwarders were killed, and backends ended',
      forwarders.every((each) => each.kills === KILLS),
      kills,
    );
    const restarts = counted.reduce((sum, each) => sum + each.restarts, 0);
    check(
      '500 agents ran',
      counted.length === AGENTS && restarts > 100,
      `${counted.length}, ${restarts} restarts`,
    );
    await victoria.flush();
    const seconds = Math.ceil((Date.now() - startedAt) / 1000) + 5;

    for (const [name, backend] of Object.entries({ VictoriaMetrics: victoria, Prometheus: prometheus })) {
      for (const [metric, key] of [
        ['cfn_tasks_total', 'tasks'],
        ['cfn_work_count', 'works'],
        ['cfn_work_sum', 'sum'],
      ]) {
        const found = await backend.query(`last_over_time(${metric}[${seconds}s])`);
        exact(check, `${name}: ${metric} is what each agent counted`, counted, key, found, 'agent');
        const [worst] = await backend.query(`max(resets(${metric}[${seconds}s]))`);
        check(`${name}: ${metric} never fell`, worst?.value[1] === '0', worst?.value[1]);
      }
      const [told] = await timesOf(backend, 'cfn_tasks_total', startedAt, endedAt, seconds);
      check(`${name}: every interval is there, of every outage too`, told.missing.length === 0, told.detail);
    }
    for (const [metric, key] of [
      ['tasks', 'tasks'],
      ['work.count', 'works'],
      ['work.sum', 'sum'],
    ]) {
      const found = await victoria.query(
        `sum by (agent_id) (sum_over_time({__name__="${metric}"}[${seconds}s]))`,
      );
      exact(
        check,
        `Datadog series: the deltas of ${metric} add up to what each agent counted`,
        counted,
        key,
        found,
        'agent_id',
      );
    }
  } finally {
    for (const end of running.reverse()) await end();
    for (const directory of [work, shm]) rmSync(directory, { recursive: true, force: true });
  }
}

function exact(check, what, counted, key, found, label) {
  const those = counted.filter((each) => each[key] > 0);
  const told = new Map(found.map(({ metric, value }) => [metric[label], Number(value[1])]));
  const wrong = those.filter((each) => told.get(`agent-${each.id}`) !== each[key]);
  const [{ id, [key]: value } = {}] = wrong;
  const total = those.reduce((sum, each) => sum + each[key], 0);
  const detail =
    wrong.length === 0
      ? `${those.length} agents, ${total}`
      : `${wrong.length} wrong: agent ${id} counted ${value}, told ${told.get(`agent-${id}`)}`;
  check(what, wrong.length === 0 && told.size === those.length && total > 0, detail);
}

/** Which ends of intervals no series has a sample of. */
async function timesOf(backend, metric, from, to, seconds) {
  const series = await backend.query(`${metric}[${seconds}s]`);
  const times = new Set(series.flatMap(({ values }) => values.map(([time]) => Math.round(time * 1000))));
  const missing = [];
  const step = INTERVAL_S * 1000;
  // not the first, before any agent stored something, and not the last, which SIGTERM cut short
  for (let end = Math.ceil(from / step) * step + 2 * step; end < to - step; end += step) {
    if (!times.has(end)) missing.push(new Date(end).toISOString());
  }
  return [{ missing, detail: missing.length === 0 ? `${times.size} times` : missing.slice(0, 5).join(', ') }];
}

async function disturbBackend(backend, signal) {
  for (let round = 0; round < OUTAGES; round += 1) {
    await delay(RUN_MS / (OUTAGES + 1) - OUTAGE_MS);
    await backend.end(signal);
    await delay(OUTAGE_MS);
    await backend.start();
  }
}

async function disturbForwarder(forwarder) {
  for (let round = 0; round < KILLS; round += 1) {
    await delay((RUN_MS / (KILLS + 1)) * (0.5 + Math.random()));
    await forwarder.restart();
  }
}

/** `cfn-metrics forward`, which can be killed and started again. */
function startForwarder(root, work, shm, name, forward) {
  const cwd = join(work, `forward-${name}`);
  mkdirSync(cwd);
  const settings = { interval: `${INTERVAL_S}s`, maxBackoff: '2s', timeout: '5s', ...forward };
  writeFileSync(join(cwd, 'cfn-metrics.config.json'), JSON.stringify({ directory: shm, forward: settings }));
  const args = [
    join(root, 'dist/cli/index.cjs'),
    'forward',
    '--state',
    join(cwd, 'state'),
    '--timeout',
    '30s',
  ];
  const start = () => spawn(process.execPath, args, { cwd, stdio: ['ignore', 'inherit', 'pipe'] });
  let child = start();
  let startedAt = performance.now();
  const said = [];
  const listen = () => child.stderr.on('data', (chunk) => said.push(chunk.toString()));
  listen();
  const forwarder = {
    kills: 0,
    end: async (signal) => {
      // One that was started again a moment ago knows no SIGTERM yet.
      if (signal === 'SIGTERM') await delay(Math.max(0, startedAt + STARTS_WITHIN_MS - performance.now()));
      await endProcess(child, signal);
      return child.exitCode;
    },
    said,
    restart: async () => {
      if (child.exitCode !== null) throw new Error(`a forwarder ended by itself: ${said.slice(-3).join('')}`);
      await endProcess(child, 'SIGKILL');
      forwarder.kills += 1;
      child = start();
      startedAt = performance.now();
      listen();
    },
  };
  return forwarder;
}

/** Hosts with networks and names of their own, which reach one VictoriaMetrics. */
async function checkHosts({ check, bring, root }) {
  const there = bring('ip', 'iproute2') && bring('unshare', 'util-linux') && process.getuid() === 0;
  if (!there) return check('hosts can have networks of their own (root, ip, unshare)', false);
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-hosts-'));
  const undo = [];
  const ip = (...args) => {
    const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  };
  try {
    const victoria = await startVictoria(work, '0.0.0.0');
    undo.push(() => victoria.end('SIGTERM'));
    const agents = HOSTS.map((host, i) => {
      const space = `cfn${process.pid}-${i}`;
      const [outer, inner] = [`cfn${process.pid % 10_000}-${i}`, 'eth0'];
      ip('netns', 'add', space);
      undo.push(() => ip('netns', 'del', space));
      ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', space);
      ip('addr', 'add', `10.231.${i}.1/24`, 'dev', outer);
      ip('link', 'set', outer, 'up');
      ip('-n', space, 'addr', 'add', `10.231.${i}.2/24`, 'dev', inner);
      ip('-n', space, 'link', 'set', inner, 'up');
      const shards = join(work, host);
      mkdirSync(shards);
      const cli = join(root, 'dist/cli/index.cjs');
      const url = `http://10.231.${i}.1:${victoria.port}`;
      // every host has an agent 1, and counts something else
      const script = `hostname ${host}; for n in $(seq ${10 * (i + 1)}); do ${root}/src/shell/cfn-emit 1 tasks 1 type=x; done
        '${process.execPath}' -e "import('${root}/dist/index.js').then(async ({ createEmitter }) => { const e = createEmitter({ agent: 1 });
          e.emit('jobs', ${10 * (i + 1)}, { type: 'counter' }); await e.close(); })"
        exec '${process.execPath}' ${cli} forward --to prometheus-remote-write --url ${url} --once --state ${shards}.state`;
      return spawn('ip', ['netns', 'exec', space, 'unshare', '--uts', 'sh', '-c', script], {
        env: { ...process.env, CFN_METRICS_DIR: shards },
        stdio: 'inherit',
      });
    });
    const codes = await Promise.all(agents.map(async (child) => (await once(child, 'exit'))[0]));
    check(
      'each host forwards through a network of its own',
      codes.every((code) => code === 0),
      codes.join(', '),
    );
    await victoria.flush();
    const found = await victoria.query('sum by (instance) (last_over_time(cfn_jobs_total[5m]))');
    const jobs = Object.fromEntries(found.map(({ metric, value }) => [metric.instance, Number(value[1])]));
    const wanted = Object.fromEntries(HOSTS.map((host, i) => [host, 10 * (i + 1)]));
    const same = JSON.stringify(Object.entries(jobs).sort()) === JSON.stringify(Object.entries(wanted));
    check('one query shows what all hosts counted, each by its own name', same, JSON.stringify(jobs));
    const [total] = await victoria.query('sum(last_over_time(cfn_jobs_total[5m]))');
    check('and one their sum', total?.value[1] === '60', total?.value[1]);
  } finally {
    for (const end of undo.reverse()) await end();
    rmSync(work, { recursive: true, force: true });
  }
}

/** VictoriaMetrics, where a sample that is told again is no second one. */
async function startVictoria(work, host) {
  const data = join(work, 'victoria');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [
    `-storageDataPath=${data}`,
    `-httpListenAddr=${host}:${port}`,
    '-retentionPeriod=1',
    '-search.latencyOffset=0s',
    '-dedup.minScrapeInterval=1ms',
    '-loggerLevel=ERROR',
  ];
  const server = await startServer('victoria-metrics', flags, `${url}/health`);
  const flush = async () => {
    await (await fetch(`${url}/internal/force_flush`)).text();
    // what is new in its index is found a moment later
    await delay(3000);
  };
  return { ...server, url, port, flush, query: (query) => askPrometheus(url, 'query', { query }) };
}

async function startPrometheus(work) {
  writeFileSync(join(work, 'prometheus.yml'), 'global: {}\n');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [
    `--config.file=${join(work, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(work, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    '--log.level=error',
  ];
  const server = await startServer('prometheus', flags, `${url}/-/ready`);
  return { ...server, url, query: (query) => askPrometheus(url, 'query', { query }) };
}
