#!/usr/bin/env node
// How long do statistics over a day of 500 agents take, the last 30 s of it and all of it, beside jq, Miller and DuckDB
// on the same files?
//
//   npm run build && node bench/analyze.mjs [--runs 9] [--hundred] [--json]
//
// Ours is measured in process, reading included: cold is the first call of a fresh process, after its imports; warm is
// a call of a process that has done it thirty times. A first call runs code that no compiler has seen yet: some 8 ms,
// whatever it reads. jq is a command, as in the original design: select, slurp, group; so is Miller. DuckDB reads the same
// files in process, cold in a fresh one, and warm with all processors and with one. So does ours: `threads` is readHistory
// with createReadThreads, one a processor. What is warm runs in turns in one process, for neighbours take from a processor
// what they like, and the next minute is another. The whole command is measured beside `node -e 0`, in turns as well. With
// --hundred also a day of a hundred times the records, 2.9 GB in /dev/shm: its last 30 s, and all of it with the memory it
// takes.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { analyze, Analyzer } from '../dist/analyze/index.js';
import { createReadThreads, readHistory } from '../dist/archive/index.js';
import { readRecords } from '../dist/index.js';
import { machine, median, ratio } from './rounds.mjs';

const DAY_MS = 86_400_000;
const END = Date.UTC(2026, 10, 22);
const WINDOWS = { '30 s': END - 30_000, 'full day': END - DAY_MS };
/** What a figure may be at most, in milliseconds. */
const BARS = { '30 s warm': 5, 'full day cold': 120 };
/** What jq may take at least, in times of ours. */
const JQ_BARS = { '30 s warm': 200, 'full day warm': 20 };
/** What the whole command may take at most, in times of `node -e 0`. */
const COMMAND_BAR = 3;
/** What a window in a day of a hundred times the records may cost more than in one: fixed, and for each record. */
const HUNDRED_BAR = { fixedMs: 5, recordMicros: 1.5 };
const MEMORY_BAR_MB = 300;
/** Megabytes that are read in a second of processor time, at least. */
const SCAN_BAR_MB = 500;
/** Runs before those that count, in which V8 compiles what it may. */
const WARM_UP = 30;
const hasDuckDb = isInstalled('@duckdb/node-api');
const CLI = fileURLToPath(new URL('../dist/cli/index.cjs', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
    hundred: { type: 'boolean', default: false },
    duckdb: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
let seed = 1;

if (values.child) {
  const [directory, since] = positionals;
  const { ms, cpuMs, analysis } = timed(directory, Number(since));
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(JSON.stringify({ ms, cpuMs, records: analysis.records, maxMb: maxRSS / 1000 }));
} else if (values.duckdb) {
  const [directory, since] = positionals;
  const { ms } = await duckDb(directory, Number(since));
  process.stdout.write(JSON.stringify({ ms }));
} else {
  const directory = mkdtempSync('/dev/shm/cfn-metrics-bench-');
  try {
    await main(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function main(directory) {
  writeDay(directory, 1);
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  const results = {};
  for (const [window, since] of Object.entries(WINDOWS)) {
    const coldRuns = Array.from({ length: runs }, () => cold(directory, since));
    const warm = await warmRuns(directory, since);
    const jqRuns = Array.from({ length: 3 }, () => jqStatistics(directory, since));
    const { records, groups } = warm.warm[0].analysis;
    const others = { jq: jqRuns, ...millerRuns(directory, since), ...duckDbColdRuns(directory, since) };
    const times = { cold: coldRuns, ...warm, ...others };
    results[window] = { records, times, difference: difference(groups, jqRuns[0].groups) };
  }
  const start = performance.now();
  const byAgent = analyze(readRecords({ directory }), { groupBy: ['agent'] }).groups.length;
  const agents = { groups: byAgent, ms: performance.now() - start };
  report({
    machine: machine(),
    jq: execFileSync('jq', ['--version'], { encoding: 'utf8' }).trim(),
    bytes,
    results,
    agents,
    command: commandRuns(directory),
    hundred: values.hundred ? hundredfold(directory, results['30 s'].times) : undefined,
  });
}

/** The whole command over the full day, and Node doing nothing, in turns. */
function commandRuns(directory) {
  const timesOf = (args) => {
    const start = performance.now();
    execFileSync(process.execPath, args, { env: { ...process.env, CFN_METRICS_DIR: '' } });
    return performance.now() - start;
  };
  const rounds = Array.from({ length: runs }, () => ({
    node: timesOf(['-e', '0']),
    command: timesOf([CLI, 'analyze', '--dir', directory, '--json']),
  }));
  const [node, command] = [rounds.map((round) => round.node), rounds.map((round) => round.command)];
  return { nodeMs: median(node), commandMs: median(command), ratio: ratio(command, node) };
}

/** A day with a hundred times the records: what a window costs more, and what all of it takes. */
function hundredfold(directory, one) {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
  writeDay(directory, 100);
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  const coldRuns = Array.from({ length: runs }, () => cold(directory, END - 30_000));
  for (let i = 0; i < 5; i += 1) timed(directory, END - 30_000);
  const window = Array.from({ length: runs }, () => timed(directory, END - 30_000));
  const more = (these, those) => median(these.map(({ ms }) => ms)) - median(those.map(({ ms }) => ms));
  const all = Array.from({ length: 3 }, () => cold(directory, END - DAY_MS));
  const { records } = window[0].analysis;
  return {
    bytes,
    windowRecords: records,
    windowMoreMs: more(window, one.warm),
    windowMoreColdMs: more(coldRuns, one.cold),
    windowBarMs: HUNDRED_BAR.fixedMs + (records * HUNDRED_BAR.recordMicros) / 1000,
    records: all[0].records,
    seconds: median(all.map(({ ms }) => ms)) / 1000,
    cpuSeconds: median(all.map(({ cpuMs }) => cpuMs)) / 1000,
    maxMb: Math.max(...all.map(({ maxMb }) => maxMb)),
  };
}

function report({ results, ...context }) {
  const failed = [];
  const rows = Object.entries(results).flatMap(([window, { records, times, difference }]) => {
    if (difference !== undefined) failed.push(`${window}: ${difference}`);
    const jqMs = median(times.jq.map((run) => run.ms));
    return Object.entries(times).map(([name, all]) => {
      const ms = median(all.map((run) => run.ms));
      const bestMs = Math.min(...all.map((run) => run.ms));
      const cpuMs = all[0].cpuMs === undefined ? undefined : median(all.map((run) => run.cpuMs));
      const barMs = BARS[`${window} ${name}`];
      if (ms > barMs) failed.push(`${window} ${name}: ${ms.toFixed(1)} ms, at most ${barMs}`);
      const jqBar = JQ_BARS[`${window} ${name}`];
      if (jqMs / ms < jqBar)
        failed.push(`${window} ${name}: jq takes ${(jqMs / ms).toFixed(0)} x, at least ${jqBar}`);
      return { window, name, records, ms, bestMs, cpuMs, jqTimes: jqMs / ms, barMs };
    });
  });
  const { agents, command, hundred } = context;
  if (command.ratio > COMMAND_BAR) {
    failed.push(`the command takes ${command.ratio.toFixed(2)} x node -e 0, at most ${COMMAND_BAR}`);
  }
  const msOf = (name) => rows.find((row) => row.window === 'full day' && row.name === name)?.ms;
  if (msOf('warm') > msOf('DuckDB warm'))
    failed.push('DuckDB with all processors is faster on the full day than ours with one');
  if (hundred !== undefined) {
    if (hundred.windowMoreMs > hundred.windowBarMs)
      failed.push('30 s of a hundred times the records cost too much');
    const rate = hundred.bytes / 1e6 / hundred.cpuSeconds;
    if (rate < SCAN_BAR_MB) failed.push(`${rate.toFixed(0)} MB a second of CPU, at least ${SCAN_BAR_MB}`);
    if (hundred.maxMb > MEMORY_BAR_MB) failed.push(`2.9 GB took ${hundred.maxMb.toFixed(0)} MB of memory`);
  }
  process.exitCode = failed.length === 0 ? 0 : 1;
  if (values.json) {
    console.log(JSON.stringify({ ...context, rows, failed }));
    return;
  }
  console.log(`${context.machine}, ${context.jq}, ${(context.bytes / 1e6).toFixed(1)} MB in 16 shards\n`);
  console.log(
    `${'window'.padEnd(10)}${'records'.padStart(7)}  ${'run'.padEnd(11)}${'median ms'.padStart(10)}` +
      `${'best ms'.padStart(10)}${'CPU ms'.padStart(10)}${'jq takes'.padStart(10)}  bar`,
  );
  for (const { window, name, records, ms, bestMs, cpuMs, jqTimes, barMs } of rows) {
    const figures = [ms, bestMs, cpuMs].map((value) => (value?.toFixed(2) ?? '').padStart(10));
    console.log(
      `${window.padEnd(10)}${String(records).padStart(7)}  ${name.padEnd(11)}${figures.join('')}` +
        `${`${jqTimes.toFixed(0)} x`.padStart(10)}  ${barMs ?? ''}`,
    );
  }
  // jq adds without compensation, hence the tolerance for sums; that the results agree is no matter of speed.
  const differs = Object.values(results).some(({ difference }) => difference !== undefined);
  if (!differs) console.log('\nresults identical to those of jq, sums within 1e-12');
  console.log(
    `full day by agent, warm: ${agents.groups} groups in ${agents.ms.toFixed(0)} ms\n` +
      `the command over the full day: ${command.commandMs.toFixed(0)} ms, node -e 0 ${command.nodeMs.toFixed(0)} ms, ` +
      `median of ratios ${command.ratio.toFixed(2)}`,
  );
  if (hundred !== undefined) {
    const { windowMoreMs, windowMoreColdMs, windowRecords, windowBarMs, bytes, seconds, cpuSeconds, maxMb } =
      hundred;
    console.log(
      `a hundred times the records: 30 s hold ${windowRecords} and cost ${windowMoreMs.toFixed(1)} ms more ` +
        `(at most ${windowBarMs.toFixed(1)}), ${windowMoreColdMs.toFixed(0)} cold; all of ${(bytes / 1e9).toFixed(2)} GB in ${seconds.toFixed(1)} s, ` +
        `${(bytes / 1e6 / seconds).toFixed(0)} MB/s, ${(bytes / 1e6 / cpuSeconds).toFixed(0)} a second of CPU, memory at most ${maxMb.toFixed(0)} MB`,
    );
  }
  if (failed.length > 0) console.log(`\n${failed.join('\n')}`);
}

/** 500 agents, each with 3 metrics every 15 minutes, or so many times as often, one agent after the other. */
function writeDay(directory, times) {
  const shards = Array.from({ length: 16 }, () => []);
  const metrics = [
    ['coordination_time_ms', 'ms', () => Math.round(200 * Math.exp(4 * random()))],
    ['message_delivery_rate', '1', () => Number((1 - random() ** 4).toFixed(4))],
    ['memory_usage_mb', 'MBy', () => Number((64 + 900 * random()).toFixed(2))],
  ];
  const roundMs = 900_000 / times;
  for (let start = END - DAY_MS; start < END; start += roundMs) {
    for (let agent = 0; agent < 500; agent += 1) {
      const timestamp = new Date(start + (agent * roundMs) / 500).toISOString();
      for (const [metric, unit, value] of metrics) {
        shards[agent % 16].push(
          `{"timestamp":"${timestamp}","agent":"agent-${agent}","metric":"${metric}","value":${value()},` +
            `"unit":"${unit}","type":"gauge","attributes":{"phase":"plan","role":"coordinator","task":"t${agent % 7}"}}\n`,
        );
      }
    }
    if (shards[0].length > 10_000) appendLines(directory, shards);
  }
  appendLines(directory, shards);
}

function appendLines(directory, shards) {
  for (const [shard, lines] of shards.entries()) {
    appendFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), lines.join(''), { mode: 0o600 });
    lines.length = 0;
  }
}

/** The same numbers in each run: the generator of Park and Miller. */
function random() {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
}

function timed(directory, since) {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const analysis = analyze(readRecords({ directory, since, until: END }), { since, until: END });
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000, analysis };
}

/** What has run often enough for its code to be compiled: in turns, in one process. */
async function warmRuns(directory, since) {
  const threads = createReadThreads();
  const contenders = {
    warm: () => timed(directory, since),
    threads: () => threaded(directory, since, threads),
    ...(await duckDbContenders(directory, since)),
  };
  const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  try {
    for (let i = 0; i < WARM_UP + runs; i += 1)
      for (const [name, once] of Object.entries(contenders)) all[name].push(await once());
  } finally {
    await threads.close();
  }
  const [alone, together] = [all.warm[0].analysis, all.threads[0].analysis];
  if (JSON.stringify(alone) !== JSON.stringify(together)) throw new Error('threads give another answer');
  return Object.fromEntries(Object.entries(all).map(([name, each]) => [name, each.slice(WARM_UP)]));
}

/** The same as {@link timed}, with threads. */
async function threaded(directory, since, threads) {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const analyzer = new Analyzer({ since, until: END });
  const history = readHistory({ directory, archive: [], since, until: END, threads });
  for await (const step of history.feed(analyzer)) void step;
  const analysis = analyzer.analysis();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000, analysis };
}

/** Miller on the same files, as a command; nothing where it is not installed. */
function millerRuns(directory, since) {
  if (spawnSync('mlr', ['--version']).error !== undefined) return {};
  const statistics = 'stats1 -a count,sum,mean,min,max,p50,p90,p95,p99 -i -f value -g metric';
  const window =
    since === END - DAY_MS ? '' : `filter '$timestamp >= "${new Date(since).toISOString()}"' then`;
  const shell = `mlr --ijsonl --ojson ${window} ${statistics} "$1"/cfn-metrics-*.jsonl`;
  const once = () => {
    const start = performance.now();
    execFileSync('sh', ['-c', shell, 'sh', directory]);
    return { ms: performance.now() - start };
  };
  return { Miller: Array.from({ length: 3 }, once) };
}

function isInstalled(name) {
  try {
    return import.meta.resolve(name) !== '';
  } catch {
    return false;
  }
}

/** DuckDB on the same files in fresh processes; nothing where it is not installed. */
function duckDbColdRuns(directory, since) {
  const args = [fileURLToPath(import.meta.url), '--duckdb', directory, String(since)];
  const fresh = () => JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  return hasDuckDb ? { 'DuckDB cold': Array.from({ length: 3 }, fresh) } : {};
}

/** DuckDB in this process, with all processors and with one; nothing where it is not installed. */
async function duckDbContenders(directory, since) {
  if (!hasDuckDb) return {};
  const [all, one] = [await duckDb(directory, since), await duckDb(directory, since, 1)];
  return { 'DuckDB warm': all.again, 'on a thread': one.again };
}

async function duckDb(directory, since, threads) {
  const start = performance.now();
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  if (threads !== undefined) await connection.run(`SET threads = ${threads}`);
  const query = `
    SELECT metric, count(*) AS count, sum(value) AS sum, avg(value) AS avg, min(value) AS min, max(value) AS max,
      quantile_cont(value, [0.5, 0.9, 0.95, 0.99]) AS quantiles
    FROM read_json('${directory}/cfn-metrics-*.jsonl', format = 'newline_delimited',
      columns = { timestamp: 'VARCHAR', metric: 'VARCHAR', value: 'DOUBLE' })
    WHERE timestamp >= '${new Date(since).toISOString()}' GROUP BY metric`;
  const again = async () => {
    const begin = performance.now();
    const cpu = process.cpuUsage();
    await connection.runAndReadAll(query);
    const { user, system } = process.cpuUsage(cpu);
    return { ms: performance.now() - begin, cpuMs: (user + system) / 1000 };
  };
  await again();
  return { ms: performance.now() - start, again };
}

function cold(directory, since) {
  const args = [fileURLToPath(import.meta.url), '--child', directory, String(since)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

function jqStatistics(directory, since) {
  // Strings compare as times do, for they are of one form; the same interpolation as ours, so that doubles are equal.
  const statistics = `
    def q(p): ((length - 1) * p) as $h | ($h | floor) as $i | .[$i] as $a | (.[$i + 1] // $a) as $b | ($h - $i) as $t
      | if $t < 0.5 then $a + ($b - $a) * $t else $b - ($b - $a) * (1 - $t) end;
    group_by(.metric) | map(.[0].metric as $metric | map(.value) | sort | {
      metric: $metric, count: length, sum: add, avg: (add / length), min: .[0], max: .[-1],
      p50: q(0.5), p95: q(0.95), p99: q(0.99) })`;
  const command = 'cat "$1"/cfn-metrics-*.jsonl | jq -c "select(.timestamp >= \\"$2\\")" | jq -s "$3"';
  const all = 'cat "$1"/cfn-metrics-*.jsonl | jq -s "$3"';
  const start = performance.now();
  const shell = since === END - DAY_MS ? all : command;
  const args = ['-c', shell, 'sh', directory, new Date(since).toISOString(), statistics];
  const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
  if (stderr !== '') throw new Error(stderr);
  return { ms: performance.now() - start, groups: JSON.parse(stdout) };
}

/** Where the two differ, if anywhere: nowhere by a bit, but sums by how much jq's plain addition rounds away. */
function difference(groups, expected) {
  if (groups.length !== expected.length) return `${groups.length} groups, jq has ${expected.length}`;
  for (const [i, theirs] of expected.entries()) {
    for (const [key, value] of Object.entries(theirs)) {
      const ours = groups[i][key];
      const rounded = key === 'sum' || key === 'avg';
      const same = rounded ? Math.abs(ours - value) <= Math.abs(value) * 1e-12 : ours === value;
      if (!same) return `${theirs.metric} ${key} is ${ours}, jq has ${value}`;
    }
  }
  return undefined;
}
