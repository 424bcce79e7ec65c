// A fleet of real agents, half TypeScript and half bash, emits into shards of its own; then exact statistics come out,
// and what was delivered is compared with what was emitted.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { followRecords, readRecords } from 'cfn-metrics';
import { analyze, quantile } from 'cfn-metrics/analyze';
import { type AgentReport, startAgent } from './agents.js';

const root = dirname(createRequire(import.meta.url).resolve('cfn-metrics/package.json'));
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const PREFIX = `cfn-metrics-demo-${process.getuid?.() ?? 0}-`;

const { agents, durationMs } = readArguments();
removeOldDemos();
const directory = mkdtempSync(join(memory, PREFIX));
console.log(
  `${agents} agents, half TypeScript with OpenTelemetry meters, half bash, for ${durationMs / 1000} s`,
);
console.log(`they append to the shards in ${directory}\n`);

const reports = await runFleet();
showDelivery(reports);
showShards();
showCost(reports);
console.log(`\nThe records stay in ${directory}. What to type next:

  npx cfn-metrics analyze --dir ${directory} --group-by agent --metric coordination_time_ms
  npx cfn-metrics tail --dir ${directory} --since 1m
  CFN_METRICS_DIR=${directory} npx cfn-emit 42 task_duration_ms 1234 ms
  npx cfn-metrics doctor
  npm start -- --agents 200 --duration 60s`);

function readArguments(): { agents: number; durationMs: number } {
  try {
    const { values } = parseArgs({
      options: { agents: { type: 'string', default: '24' }, duration: { type: 'string', default: '15s' } },
    });
    const count = /^[1-9][0-9]{0,3}$/.test(values.agents) ? Number(values.agents) : NaN;
    if (!(count >= 2 && count <= 2000))
      fail(`--agents must be a number from 2 to 2000, got "${values.agents}"`);
    const [, amount, unit] = /^([1-9][0-9]{0,3})(s|m)$/.exec(values.duration) ?? [];
    if (amount === undefined) fail(`--duration must be a time such as 15s or 2m, got "${values.duration}"`);
    return { agents: count, durationMs: Number(amount) * (unit === 'm' ? 60_000 : 1000) };
  } catch (error) {
    return fail((error as Error).message);
  }
}

function fail(message: string): never {
  console.error(`demo: ${message}`);
  process.exit(2);
}

/** Each demo leaves its records in RAM to be looked at; the next one makes room. */
function removeOldDemos(): void {
  for (const name of readdirSync(memory)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(memory, name);
    const { mtimeMs } = statSync(path);
    if (Date.now() - mtimeMs > 60_000) rmSync(path, { recursive: true, force: true });
  }
}

async function runFleet(): Promise<AgentReport[]> {
  const startedAt = performance.now();
  const untilMs = Date.now() + durationMs;
  const fleet = Array.from({ length: agents }, (_, i) => startAgent(i + 1, root, directory, untilMs));
  const stop = (): void => {
    for (const agent of fleet) agent.process.kill();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);

  let running = fleet.length;
  for (const agent of fleet) agent.process.once('close', () => (running -= 1));
  const results = Promise.all(fleet.map(({ report }) => report));
  const done = new AbortController();
  const progress = showProgress(startedAt, () => running, done.signal);
  const reports = await results.catch((error: unknown) => {
    for (const agent of fleet) agent.process.kill();
    return fail((error as Error).message);
  });
  done.abort();
  await progress;
  return reports;
}

/** Follows the shards as the agents write: on a terminal in one line, elsewhere a line every 5 s. */
async function showProgress(startedAt: number, running: () => number, signal: AbortSignal): Promise<void> {
  let records = 0;
  const seen = new Set<string>();
  const following = (async () => {
    for await (const batch of followRecords({ directory, from: 'start', signal })) {
      records += batch.records.length;
      for (const { agent } of batch.records) seen.add(agent);
    }
  })();
  const live = process.stdout.isTTY;
  for (let tick = 1; !signal.aborted; tick += 1) {
    await sleep(250, undefined, { signal }).catch(() => undefined);
    const seconds = (performance.now() - startedAt) / 1000;
    const line = `${seconds.toFixed(0).padStart(4)} s  ${running()} agents running, ${seen.size} seen, ${records} records`;
    if (live) process.stdout.write(`\r\u001b[K${line}`);
    else if (tick % 20 === 0) console.log(line);
  }
  await following;
  console.log(
    `${live ? '\r\u001b[K' : ''}${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${seen.size} agents seen\n`,
  );
}

function showDelivery(reports: readonly AgentReport[]): void {
  const cli = spawnSync(
    process.execPath,
    [join(root, 'dist/cli/index.cjs'), 'analyze', '--dir', directory, '--since', '1h'],
    {
      stdio: 'inherit',
    },
  );
  if (cli.status !== 0) fail(`cfn-metrics analyze ended with exit code ${cli.status}`);

  const emitted = new Map<string, number>();
  for (const report of reports) {
    for (const [metric, count] of Object.entries(report.emitted))
      emitted.set(metric, (emitted.get(metric) ?? 0) + count);
  }
  console.log(
    `\n${'delivered versus emitted'.padEnd(28)}${'emitted'.padStart(10)}${'delivered'.padStart(12)}`,
  );
  const { groups } = analyze(readRecords({ directory }));
  for (const [metric, count] of [...emitted].sort()) {
    const group = groups.find((each) => each.metric === metric);
    // A counter delivers its total, everything else as many values as were measured.
    const delivered = (group?.type === 'counter' ? group.sum : group?.count) ?? 0;
    console.log(
      `${metric.padEnd(28)}${`${count}`.padStart(10)}${`${delivered}`.padStart(12)}  ${mark(delivered === count)}`,
    );
    if (delivered !== count) process.exitCode = 1;
  }
}

function mark(equal: boolean): string {
  return equal ? 'equal' : 'NOT EQUAL';
}

function showShards(): void {
  const shards = readdirSync(directory)
    .map((name) => /^cfn-metrics-([0-9]+)\.jsonl$/.exec(name)?.[1])
    .filter((shard) => shard !== undefined)
    .map((shard) => {
      const lines =
        readFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), 'utf8').split('\n').length - 1;
      return { shard: Number(shard), lines };
    })
    .sort((a, b) => a.shard - b.shard);
  const most = Math.max(...shards.map(({ lines }) => lines));
  console.log('\nrecords per shard');
  for (const { shard, lines } of shards) {
    console.log(
      `${`${shard}`.padStart(4)} ${`${lines}`.padStart(7)} ${'█'.repeat(Math.round((40 * lines) / most))}`,
    );
  }
}

function showCost(reports: readonly AgentReport[]): void {
  console.log('\ncost per emission, as the agents measured it on a busy machine');
  for (const kind of ['TypeScript', 'bash'] as const) {
    const micros = reports.filter((report) => report.kind === kind).flatMap((report) => report.micros);
    micros.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((q) => `${quantile(micros, q).toFixed(1)} µs`);
    console.log(`  ${kind.padEnd(10)} p50 ${p50?.padStart(10)}   p99 ${p99?.padStart(11)}`);
  }
}
