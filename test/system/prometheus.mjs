// What is served, with Debian's own prometheus and promtool: the demo of 200 agents passes promtool's checks, and of 500
// agents that restart, die and idle for two minutes Prometheus has, in the end, exactly what each of them counted.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { AGENTS, RUN_MS, startFleet } from './fleet.mjs';
import { askPrometheus, endProcess, freePort, startServer } from './support.mjs';

const SCRAPE_S = 2;
const GAUGE_MAX_AGE_S = 20;
/** What the names of the design say of their units, and nothing else may be complained of. */
const UNIT_COMPLAINT = /^cfn_(coordination_time_ms|task_duration_ms|memory_usage_mb) .*(unit|seconds|bytes)/;

/** Attributes as nobody should have them. */
const HOSTILE = {
  ...{
    '': 'left out',
    'a b': '1',
    'a.b': '2',
    a_b: '3',
    __name__: 'evil',
    le: '0.5',
    quantile: '0.5',
    agent: 'root',
  },
  ...{
    0: 'digit',
    ключ: 'значение',
    'x"}': '"}\n# EOF\nevil 1\n',
    job: '\\',
    nul: '\0',
    cr: '\r',
    list: ['"', '\n'],
  },
  ...{
    __proto__x: 'p',
    constructor: 'c',
    empty: '',
    emoji: '💥',
    number: -0,
    yes: true,
    long: 'x'.repeat(3000),
  },
};

/** Everything that is checked; `env` has what `npm run test:system` shares among its parts. */
export async function checkPrometheus(env) {
  const { check, bring } = env;
  if (!bring('prometheus', 'prometheus')) return check('prometheus is there', false);
  checkDeployed(env);
  await checkDemo(env);
  await checkFleet(env);
}

function checkDeployed({ check, root }) {
  const rules = spawnSync('promtool', ['check', 'rules', 'cfn-metrics.rules.yml'], {
    cwd: join(root, 'deploy/prometheus'),
    encoding: 'utf8',
  });
  check('promtool check rules', rules.status === 0, rules.stderr.trim());
  const tests = spawnSync('promtool', ['test', 'rules', 'test/system/prometheus-rules.test.yml'], {
    cwd: root,
    encoding: 'utf8',
  });
  check(
    'promtool test rules',
    tests.status === 0,
    tests.status === 0 ? '' : `${tests.stdout}${tests.stderr}`,
  );
  const config = spawnSync('promtool', ['check', 'config', 'prometheus.yml'], {
    cwd: join(root, 'deploy/prometheus'),
    encoding: 'utf8',
  });
  check('promtool check config', config.status === 0, config.stderr.trim());
}

async function checkDemo({ check, root }) {
  const demo = spawnSync(
    process.execPath,
    ['build/examples/fleet/fleet.js', '--agents', '200', '--duration', '20s'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  const [, directory] = /shards in (\S+)/.exec(demo.stdout) ?? [];
  check('the demo runs with 200 agents', demo.status === 0 && directory !== undefined, demo.stderr.trim());
  if (directory === undefined) return;
  const { createEmitter, readRecords } = await import(pathToFileURL(join(root, 'dist/index.js')).href);
  // on a machine that is busy some agents start when the demo is over already
  const stored = new Set([...readRecords({ directory })].map(({ agent }) => agent));
  const emitter = createEmitter({ agent: 'hostile "agent"\\', directory });
  const kinds = { level: 'gauge', growth: 'counter', difference: 'updowncounter' };
  for (const [name, type] of Object.entries(kinds)) {
    for (const [key, value] of Object.entries(HOSTILE)) {
      emitter.emit(`hostile.${name}`, 1, { type, attributes: { [key]: value } });
    }
    emitter.emit(`hostile.${name}`, 1, { type, attributes: HOSTILE });
  }
  emitter.emit('hostile.nothing', NaN, { attributes: HOSTILE });
  await emitter.close();
  const server = await serve(root, ['--dir', directory, '--no-snapshot'], 0);
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  const agents = new Set([...text.matchAll(/agent="(agent-\d+)"/g)].map(([, agent]) => agent));
  const all = agents.size === stored.size && agents.size >= 100;
  check('all agents of the demo are in one scrape', all, `${agents.size} of 200, ${text.length} bytes`);
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  const others = complaints.filter((line) => !UNIT_COMPLAINT.test(line));
  check(
    'promtool check metrics complains of the units in the names only',
    others.length === 0,
    others.join('; '),
  );
  check(
    'and of those it does complain',
    [0, 3].includes(status) && complaints.length > 0,
    complaints.join('; '),
  );
  await server.end('SIGTERM');
}

async function checkFleet({ check, root }) {
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-prometheus-'));
  const shm = mkdtempSync('/dev/shm/cfn-metrics-prometheus-');
  const running = [];
  try {
    const args = [
      '--dir',
      shm,
      '--snapshot',
      join(work, 'totals.json'),
      '--gauge-max-age',
      `${GAUGE_MAX_AGE_S}s`,
    ];
    let server = await serve(root, args, 0);
    running.push(() => server.end('SIGKILL'));
    const port = Number(new URL(server.origin).port);
    const prometheus = await startPrometheus(root, work, port);
    running.push(() => prometheus.end('SIGTERM'));
    const startedAt = Date.now();
    const fleets = startFleet(root, shm);
    running.push(() => fleets.forEach(({ child }) => child.kill('SIGKILL')));
    const troubled = makeTrouble(root, shm);

    await delay(RUN_MS / 2);
    await server.end('SIGKILL');
    await delay(3 * SCRAPE_S * 1000);
    server = await serve(root, args, port);
    const counted = (await Promise.all(fleets.map(({ counted: said }) => said))).flat();
    await troubled;
    // what was stored last is scraped, too
    await delay(3 * SCRAPE_S * 1000);
    const endedAt = Date.now();
    const { query, range } = prometheus;
    const seconds = Math.ceil((endedAt - startedAt) / 1000);

    const restarts = counted.reduce((sum, each) => sum + each.restarts, 0);
    const dead = counted.filter(({ diedAt }) => diedAt !== null);
    const enough = counted.length === AGENTS && restarts > 100 && dead.length > 50;
    check(
      '500 agents ran',
      enough,
      `${counted.length}, ${restarts} restarts, ${dead.length} died, ${seconds} s`,
    );
    for (const [metric, key, those] of [
      ['cfn_tasks_total', 'tasks', counted],
      ['cfn_work_count', 'works', counted.filter(({ works }) => works > 0)],
      ['cfn_work_sum', 'sum', counted.filter(({ works }) => works > 0)],
    ]) {
      const result = await query(metric);
      const scraped = new Map(result.map((each) => [each.metric.agent, Number(each.value[1])]));
      const wrong = those.filter((each) => scraped.get(`agent-${each.id}`) !== each[key]);
      const total = those.reduce((sum, each) => sum + each[key], 0);
      const [{ id, [key]: value } = {}] = wrong;
      const detail =
        wrong.length === 0
          ? `${those.length} agents, ${total}`
          : `${wrong.length} wrong: agent ${id} counted ${value}, scraped ${scraped.get(`agent-${id}`)}`;
      const exact = wrong.length === 0 && result.length === those.length && total > 0;
      check(`the last value of ${metric} is what each agent counted`, exact, detail);
    }
    for (const metric of [
      'cfn_tasks_total',
      'cfn_work_count',
      'cfn_work_sum',
      'cfn_work_bucket',
      'cfn_metrics_dropped_total',
    ]) {
      const resets = await query(`max(resets(${metric}[${seconds}s]))`);
      check(`resets() of ${metric} is 0 throughout`, resets[0]?.value[1] === '0', `${resets[0]?.value[1]}`);
    }
    const gauges = new Set((await query('cfn_memory_usage_mb')).map(({ metric }) => metric.agent));
    const before = new Set(
      (await query(`max_over_time(cfn_memory_usage_mb[${seconds}s])`)).map(({ metric }) => metric.agent),
    );
    const vanished = dead.every(({ id }) => before.has(`agent-${id}`) && !gauges.has(`agent-${id}`));
    check(
      "dead agents' gauges were there and have vanished",
      vanished && dead.length > 0,
      `${dead.length} dead, ${gauges.size} of ${before.size} gauges left`,
    );
    const alive = counted.filter(({ id, diedAt }) => id < 10 && diedAt === null);
    check(
      'those of agents at work are there',
      alive.length > 0 && alive.every(({ id }) => gauges.has(`agent-${id}`)),
    );

    const inRange = async (expr) => (await range(expr, startedAt, endedAt)).length > 0;
    await checkExpressions(check, root, inRange);
    const firing = (await query('ALERTS{alertstate="firing"}')).map(({ metric }) => metric.alertname);
    const wanted = ['CoordinationTimeElevated', 'LowDeliveryRate', 'HighMemoryUsage'];
    check(
      'the rules fire for those who break them',
      wanted.every((name) => firing.includes(name)),
      [...new Set(firing)].join(', '),
    );
    const [{ value: [, scrapes] = [] } = {}] = await query(`count_over_time(up[${seconds}s])`);
    check('scrapes', Number(scrapes) > 50, `${scrapes}`);
    await server.end('SIGTERM');
  } finally {
    for (const end of running.reverse()) await end();
    for (const directory of [work, shm]) rmSync(directory, { recursive: true, force: true });
  }
}

/** Every expression of the dashboard and of the rules has data of that time. */
async function checkExpressions(check, root, hasData) {
  const dashboard = JSON.parse(readFileSync(join(root, 'deploy/grafana/dashboard.json'), 'utf8'));
  const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [title, expr]),
  );
  const variables = { $agent: '.+', $__rate_interval: '10s' };
  const rules = spawnSync('promtool', [
    'check',
    'rules',
    join(root, 'deploy/prometheus/cfn-metrics.rules.yml'),
  ]);
  const file = readFileSync(join(root, 'deploy/prometheus/cfn-metrics.rules.yml'), 'utf8');
  const { parse } = await import('yaml');
  const alerts = parse(file).groups.flatMap((group) => group.rules.map(({ alert, expr }) => [alert, expr]));
  const without = [];
  for (const [title, expr] of [...panels, ...alerts]) {
    const asked = Object.entries(variables).reduce(
      (text, [name, value]) => text.replaceAll(name, value),
      expr,
    );
    if (!(await hasData(asked))) without.push(`${title}: ${asked}`);
  }
  const all = `${panels.length} of the dashboard, ${alerts.length} rules`;
  check(
    'every expression has data',
    rules.status === 0 && panels.length > 20 && without.length === 0,
    without.join('; ') || all,
  );
}

/** What the rules that watch the metrics themselves look for. */
async function makeTrouble(root, directory) {
  const { createEmitter } = await import(pathToFileURL(join(root, 'dist/index.js')).href);
  const emitter = createEmitter({ agent: 'troubled', directory });
  emitter.emit('clash', 1, { type: 'counter' });
  emitter.emit('cfn.archive.lag_seconds', 1, { unit: 's', agent: 'archiver-that-was-killed' });
  for (let round = 0; round < RUN_MS / 5000; round += 1) {
    emitter.emit('clash_total', 1);
    emitter.emit('no name', 1);
    emitter.emit('cfn.archive.lag_seconds', 1000, { unit: 's', agent: 'cfn-archiver' });
    appendFileSync(
      join(directory, 'cfn-metrics-0.jsonl'),
      '{"timestamp":"2026-11-21T20:12:43.976Z","agent":"a\n',
    );
    await delay(5000);
  }
  await emitter.close();
}

/** `cfn-metrics serve`, when it answers. */
async function serve(root, args, port) {
  const cli = join(root, 'dist/cli/index.cjs');
  const child = spawn(process.execPath, [cli, 'serve', '--prometheus', '--port', `${port}`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { origin: new URL(line.toString().trim()).origin, end: (signal) => endProcess(child, signal) };
}

/** Prometheus with the configuration and rules of deploy/, but for address and intervals. */
async function startPrometheus(root, work, target) {
  const config = readFileSync(join(root, 'deploy/prometheus/prometheus.yml'), 'utf8')
    .replace('127.0.0.1:9090', `127.0.0.1:${target}`)
    .replaceAll(/_interval: 10s/g, `_interval: ${SCRAPE_S}s`);
  writeFileSync(join(work, 'prometheus.yml'), config);
  copyFileSync(join(root, 'deploy/prometheus/cfn-metrics.rules.yml'), join(work, 'cfn-metrics.rules.yml'));
  mkdirSync(join(work, 'data'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [
    `--config.file=${join(work, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(work, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const server = await startServer('prometheus', flags, `${url}/-/ready`);
  return {
    ...server,
    query: (query) => askPrometheus(url, 'query', { query }),
    range: (query, from, to) =>
      askPrometheus(url, 'query_range', { query, start: from / 1000, end: to / 1000, step: SCRAPE_S }),
  };
}
