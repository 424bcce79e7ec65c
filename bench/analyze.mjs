#!/usr/bin/env node
// How long do statistics over a day of 500 agents take, the last 30 s of it and all of it, beside jq on the same files?
//
//   npm run build && node bench/analyze.mjs [--runs 9] [--json]
//
// Ours is measured in process, reading included: cold is the first call of a fresh process, after its imports; warm is
// a later call of one process. jq is a command, as in the original design: select, slurp, group.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { analyze } from '../dist/analyze/index.js';
import { readRecords } from '../dist/index.js';
import { machine, median } from './rounds.mjs';

const DAY_MS = 86_400_000;
const END = Date.UTC(2026, 10, 22);
const WINDOWS = { '30 s': END - 30_000, 'full day': END - DAY_MS };
/** What a figure may be at most, in milliseconds. */
const BARS = { '30 s cold': 5, '30 s warm': 5, 'full day cold': 120 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
let seed = 1;

if (values.child) {
  const [directory, since] = positionals;
  const { ms, cpuMs } = timed(directory, Number(since));
  process.stdout.write(JSON.stringify({ ms, cpuMs }));
} else {
  const directory = mkdtempSync('/dev/shm/cfn-metrics-bench-');
  try {
    main(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function main(directory) {
  writeDay(directory);
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  const results = {};
  for (const [window, since] of Object.entries(WINDOWS)) {
    const coldRuns = Array.from({ length: runs }, () => cold(directory, since));
    for (let i = 0; i < 5; i += 1) timed(directory, since);
    const warmRuns = Array.from({ length: runs }, () => timed(directory, since));
    const jqRuns = Array.from({ length: 3 }, () => jqStatistics(directory, since));
    const { records, groups } = warmRuns[0].analysis;
    const times = { cold: coldRuns, warm: warmRuns, jq: jqRuns };
    results[window] = { records, times, difference: difference(groups, jqRuns[0].groups) };
  }
  report({
    machine: machine(),
    jq: execFileSync('jq', ['--version'], { encoding: 'utf8' }).trim(),
    bytes,
    results,
  });
}

function report({ results, ...context }) {
  const failed = [];
  const rows = Object.entries(results).flatMap(([window, { records, times, difference }]) => {
    if (difference !== undefined) failed.push(`${window}: ${difference}`);
    const jqMs = median(times.jq.map((run) => run.ms));
    return Object.entries(times).map(([name, all]) => {
      const ms = median(all.map((run) => run.ms));
      const bestMs = Math.min(...all.map((run) => run.ms));
      const cpuMs = name === 'jq' ? undefined : median(all.map((run) => run.cpuMs));
      const barMs = BARS[`${window} ${name}`];
      if (ms > barMs) failed.push(`${window} ${name}: ${ms.toFixed(1)} ms, at most ${barMs}`);
      return { window, name, records, ms, bestMs, cpuMs, jqTimes: jqMs / ms, barMs };
    });
  });
  process.exitCode = failed.length === 0 ? 0 : 1;
  if (values.json) {
    console.log(JSON.stringify({ ...context, rows, failed }));
    return;
  }
  console.log(`${context.machine}, ${context.jq}, ${(context.bytes / 1e6).toFixed(1)} MB in 16 shards\n`);
  console.log(
    `${'window'.padEnd(10)}${'records'.padStart(7)}  ${'run'.padEnd(5)}${'median ms'.padStart(10)}` +
      `${'best ms'.padStart(10)}${'CPU ms'.padStart(10)}${'jq takes'.padStart(10)}  bar`,
  );
  for (const { window, name, records, ms, bestMs, cpuMs, jqTimes, barMs } of rows) {
    const figures = [ms, bestMs, cpuMs].map((value) => (value?.toFixed(2) ?? '').padStart(10));
    console.log(
      `${window.padEnd(10)}${String(records).padStart(7)}  ${name.padEnd(5)}${figures.join('')}` +
        `${`${jqTimes.toFixed(0)} x`.padStart(10)}  ${barMs ?? ''}`,
    );
  }
  // jq adds without compensation, hence the tolerance for sums; that the results agree is no matter of speed.
  const differs = Object.values(results).some(({ difference }) => difference !== undefined);
  if (!differs) console.log('\nresults identical to those of jq, sums within 1e-12');
  if (failed.length > 0) console.log(`\n${failed.join('\n')}`);
}

/** 500 agents, each with 3 metrics every 15 minutes, one agent after the other. */
function writeDay(directory) {
  const shards = Array.from({ length: 16 }, () => []);
  const metrics = [
    ['coordination_time_ms', 'ms', () => Math.round(200 * Math.exp(4 * random()))],
    ['message_delivery_rate', '1', () => Number((1 - random() ** 4).toFixed(4))],
    ['memory_usage_mb', 'MBy', () => Number((64 + 900 * random()).toFixed(2))],
  ];
  const roundMs = 900_000;
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
  }
  for (const [shard, lines] of shards.entries()) {
    writeFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), lines.join(''), { mode: 0o600 });
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
