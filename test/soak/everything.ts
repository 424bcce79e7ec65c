// Everything at once, for a long time: agents that come and go, all companions of `cfn-metrics up`, midnights every few
// seconds. Nothing may be lost or be there twice, and nothing may grow.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../faults/random.js';
import { milliseconds, usageError } from './arguments.js';
import { Checker } from './everything/checker.js';
import { Crowd } from './everything/crowd.js';
import { growthOf, picture, show, warmUp } from './everything/report.js';
import {
  csvHead,
  csvRow,
  type Health,
  measureDirectory,
  measureProcesses,
  type Moment,
  PROCESSES,
} from './everything/samples.js';
import { runAndCleanUp } from './run-and-clean-up.js';

const USAGE = `npm run soak -- --agents 500 [--duration 24h] [--warm-up TIME] [--bash N] [--days-per-minute N]
                  [--archive-mib N] [--limit MIB] [--out DIRECTORY] [--seed N]
npm run soak -- --judge FILE… [--warm-up TIME] [--limit MIB]

Agents that come and go, and cfn-metrics up with all companions. Each of these is killed once while it all warms up, which is
the first hour or third of the run, and is not measured. A quarter of the agents are bash processes of their own.
Growth is judged where that leaves a quarter of an hour or more; --judge does it again for a soak.csv that is
there, or for several together.
--days-per-minute: midnights a minute (default 4). --limit: what memory may grow by in a day (default 10 MiB).
soak.csv and soak.svg go to DIRECTORY (default: build/soak).
`;

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '500' },
    bash: { type: 'string' },
    duration: { type: 'string', default: '24h' },
    'warm-up': { type: 'string' },
    'days-per-minute': { type: 'string', default: '4' },
    'archive-mib': { type: 'string', default: '8' },
    limit: { type: 'string', default: '10' },
    out: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const durationMs = milliseconds(USAGE, '--duration', values.duration);
const warmUpMs = warmUp(USAGE, durationMs, values['warm-up']);
const agents = count('--agents', values.agents);
const bash = values.bash === undefined ? Math.floor(agents / 4) : count('--bash', values.bash);
const midnightMs = 60_000 / count('--days-per-minute', values['days-per-minute']);
const limitMiB = count('--limit', values.limit);
const seed = count('--seed', values.seed);

const SAMPLE_MS = 10_000;
const SCRAPE_MS = 5000;
const PRINT_EVERY = 6;

const here = import.meta.dirname;
const source = join(here, '../../test/soak/everything');
const out = values.out ?? here;
const hot = mkdtempSync('/dev/shm/cfn-soak-');
const cold = mkdtempSync(join(tmpdir(), 'cfn-soak-'));
const directory = join(hot, 'shards');
const [archive, kept, counts, probes] = ['archive', 'kept', 'counts', 'probes'].map((name) =>
  join(cold, name),
) as [string, string, string, string];
for (const path of [directory, archive, kept, counts, probes, out]) mkdirSync(path, { recursive: true });

const failures: string[] = [];
const moments: Moment[] = [];
const crowd = new Crowd(
  {
    ...{ directory, counts, library: join(here, '../../src/shell/cfn-metrics.sh') },
    ...{ agents: join(here, 'everything/agents.js'), bashAgent: join(source, 'agent.sh') },
  },
  new Random(seed),
);
const checker = new Checker(kept);
const csv = join(out, 'soak.csv');
writeFileSync(csv, `${csvHead()}\n`);

const up = spawn(
  process.execPath,
  [
    ...[join(here, 'dist/cli/index.cjs'), 'up', `--dir=${directory}`, `--archive=${archive}`],
    ...[`--state=${join(cold, 'alert')}`, '--health-port=0', '--prometheus-port=0', '--answer-port=0'],
    ...['--finish-after=5s', '--hot-retention=30s', '--hot-floor=20s'].map(
      (option) => `--pass=archiver=${option}`,
    ),
    ...['bash', join(source, 'keep.sh'), kept].map((word) => `--pass=archiver=--before-delete=${word}`),
    ...['--pass=alerter=--interval=5s', `--pass=prometheus=--snapshot=${join(cold, 'prometheus.json')}`],
  ],
  {
    cwd: cold,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...{ CFN_METRICS_SYNC_INTERVAL: '5s', CFN_METRICS_MAX_ARCHIVE_BYTES: `${values['archive-mib']}MiB` },
      // As `up` has it for its companions: what malloc keeps for itself comes and goes as V8's does.
      ...{ MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' },
      ...{ NODE_OPTIONS: `--require=${join(source, 'probe.cjs')}`, SOAK_PROBE: probes },
    },
  },
);
const logFile = join(out, 'soak.log');
writeFileSync(logFile, '');
for (const stream of [up.stdout, up.stderr])
  stream.on('data', (chunk: Buffer) => appendFileSync(logFile, chunk));
let endMs = durationMs;
await runAndCleanUp(soak, cleanUp, () => {
  say('ending early; what there is will be judged');
  endMs = 0;
});

async function soak(): Promise<void> {
  say(
    `seed ${seed}, ${agents} agents at a time, ${bash} of them bash processes, for ${values.duration}; ` +
      `a midnight every ${midnightMs / 1000} s; the first ${(warmUpMs / 60_000).toFixed(1)} minutes are warm-up`,
  );
  let url = '';
  createInterface(up.stdout).on('line', (line) => (url ||= line));
  while (url === '') {
    checkUp();
    await delay(50);
  }
  crowd.start(agents, bash);
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const due = { midnight: midnightMs, scrape: SCRAPE_MS, sample: SAMPLE_MS, print: 0 };
  // Early, for who is killed begins to warm up anew.
  const kills = PROCESSES.filter((name) => name !== 'up').map((name, i) => ({
    name,
    at: (warmUpMs * (i + 1)) / 24,
  }));
  const killed = kills.length;
  let midnights = 0;
  const took = { scrapeMs: 0, answerMs: 0 };
  let health = await ask(url);
  while (elapsed() < endMs) {
    await delay(250);
    checkUp();
    crowd.tick();
    checker.readKept();
    if (elapsed() >= due.midnight) {
      due.midnight += midnightMs;
      midnights += 1;
      up.kill('SIGUSR2');
    }
    if (elapsed() >= due.scrape) {
      due.scrape += SCRAPE_MS;
      const { analyzer, prometheus } = health.companions;
      took.scrapeMs = await timed(prometheus?.url);
      took.answerMs = await timed(analyzer?.url && `${analyzer.url}?window=30s&group-by=metric,agent`);
    }
    if (elapsed() >= due.sample) {
      due.sample += SAMPLE_MS;
      health = await ask(url);
      if (kills[0] !== undefined && elapsed() >= kills[0].at) {
        const pid = health.companions[kills.shift()!.name]?.pid;
        if (typeof pid === 'number') process.kill(pid, 'SIGKILL');
      }
      sample(elapsed() / 1000, health, midnights, took);
    }
  }
  const ranMs = Math.min(elapsed(), durationMs);
  health = await ask(url);
  const restarts = Object.values(health.companions).reduce(
    (total, companion) => total + companion.restarts,
    0,
  );
  if (restarts !== killed - kills.length) {
    failures.push(
      `companions were started again ${restarts} times, though ${killed - kills.length} were killed`,
    );
  }
  await crowd.close();
  up.kill('SIGTERM');
  if (up.exitCode === null && up.signalCode === null) await once(up, 'close');
  if (up.exitCode !== 0) failures.push(`up ended with ${up.exitCode ?? up.signalCode}`);
  checker.readKept();
  checker.readArchive(archive);
  finish(midnights, restarts, ranMs);
}

function checkUp(): void {
  if (up.exitCode !== null || up.signalCode !== null)
    throw new Error(`up ended by itself; ${logFile} says why`);
}

function sample(
  time: number,
  health: Health,
  midnights: number,
  took: { scrapeMs: number; answerMs: number },
): void {
  const { mebibytes: archiveMiB, files: archiveFiles } = measureDirectory(archive);
  const ramMiB = measureDirectory(directory).mebibytes;
  const processes = measureProcesses(health, probes);
  const moment: Moment = { time, processes, ramMiB, archiveMiB, archiveFiles, midnights, ...took };
  moments.push(moment);
  appendFileSync(csv, `${csvRow(moment)}\n`);
  if (moments.length % PRINT_EVERY !== 1) return;
  const shown = PROCESSES.map((name) => {
    const { rss, descriptors } = processes[name];
    const live = moments.findLast((each) => each.processes[name].live !== undefined)?.processes[name].live;
    return `${name} ${show(live)}/${show(rss)} ${descriptors ?? '-'}`;
  });
  say(
    `${time.toFixed(0).padStart(6)} s  midnights ${midnights}  deleted ${checker.deleted}  ends ${crowd.ends} ` +
      `kills ${crowd.kills}  RAM ${show(ramMiB)}  archive ${show(archiveMiB)} in ${archiveFiles}  ` +
      `scrape ${show(took.scrapeMs)} ms  answer ${show(took.answerMs)} ms\n          ${shown.join('  ')}`,
  );
}

function finish(midnights: number, restarts: number, ranMs: number): void {
  let [acknowledged, lost] = [0, 0];
  for (const [life, number] of crowd.acknowledged) {
    acknowledged += number;
    lost += checker.ledger.missing(life, number);
  }
  const { duplicated, seen } = checker.ledger;
  const names = new Set([...crowd.acknowledged.keys()].map((life) => life.split('/')[0]));
  failures.push(...crowd.failures);
  if (lost > 0) failures.push(`${lost} acknowledged records are in no file`);
  if (duplicated > 0) failures.push(`${duplicated} records are there twice`);
  if (checker.torn > crowd.kills + restarts)
    failures.push(`${checker.torn} torn records by ${crowd.kills} kills`);
  if (acknowledged === 0 || midnights === 0 || names.size !== agents)
    failures.push('not every agent was there');

  const growth = growthOf([{ moments, durationMs: ranMs, warmUpMs }], limitMiB);
  for (const line of growth.lines) say(line);
  failures.push(...growth.failures);
  writeFileSync(join(out, 'soak.svg'), picture({ moments, durationMs: ranMs, warmUpMs }));
  const answers = moments
    .filter(({ time }) => time * 1000 > warmUpMs)
    .map(({ answerMs }) => answerMs)
    .sort((a, b) => a - b);
  say(
    `answers about 30 s, while it all runs: median ${show(answers[answers.length >> 1])} ms, longest ${show(answers.at(-1))} ms`,
  );
  say(
    `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}, ` +
      `load at the end ${loadavg()
        .map((load) => load.toFixed(1))
        .join(' ')}`,
  );
  say(
    `acknowledged ${acknowledged}, found ${seen}, lives of agents ${crowd.acknowledged.size}, killed ${crowd.kills}, ` +
      `torn ${checker.torn}, midnights ${midnights}, segments that left the archive ${checker.deleted}, restarts ${restarts}`,
  );
  for (const failure of failures) say(`FAILED: ${failure}`);
  say(`${lost} lost, ${duplicated} duplicated: ${failures.length === 0 ? 'passed' : 'failed'}`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function ask(url: string): Promise<Health> {
  return (await (await fetch(url)).json()) as Health;
}

/** How long an answer takes, in milliseconds; NaN where there is none, because who answers was killed a moment ago. */
async function timed(url: string | null | undefined): Promise<number> {
  if (typeof url !== 'string') return NaN;
  const startedAt = performance.now();
  try {
    await (await fetch(url)).text();
    return performance.now() - startedAt;
  } catch {
    return NaN;
  }
}

function cleanUp(): void {
  crowd.kill();
  up.kill('SIGKILL');
  for (const path of [hot, cold]) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

function count(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  usageError(USAGE, `${option} must be a whole number, got ${text}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
