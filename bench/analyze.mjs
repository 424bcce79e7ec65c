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
  process.stdout.write(String(timed(directory, Number(since)).ms));
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
    const cold = Array.from({ length: runs }, () => coldMs(directory, since));
    for (let i = 0; i < 5; i += 1) timed(directory, since);
    const warm = Array.from({ length: runs }, () => timed(directory, since).ms);
    const jq = Array.from({ length: 3 }, () => jqStatistics(directory, since));
    const { analysis } = timed(directory, since);
    results[window] = {
      records: analysis.records,
      coldMs: median(cold),
      warmMs: median(warm),
      jqMs: median(jq.map(({ ms }) => ms)),
      difference: difference(analysis.groups, jq[0].groups),
    };
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
  const rows = Object.entries(results).flatMap(([window, { records, coldMs, warmMs, jqMs, difference }]) => {
    if (difference !== undefined) failed.push(`${window}: ${difference}`);
    return [
      ['cold', coldMs],
      ['warm', warmMs],
      ['jq', jqMs],
    ].map(([name, ms]) => {
      const bar = BARS[`${window} ${name}`];
      if (ms > bar) failed.push(`${window} ${name}: ${ms.toFixed(1)} ms, at most ${bar}`);
      return { window, name, records, ms, 'jq takes': jqMs / ms, bar };
    });
  });
  if (values.json) {
    console.log(JSON.stringify({ ...context, rows, failed }));
  } else {
    console.log(`${context.machine}, ${context.jq}, ${(context.bytes / 1e6).toFixed(1)} MB in 16 shards\n`);
    for (const { window, name, records, ms, bar, ...row } of rows) {
      const times = name === 'jq' ? '' : `${row['jq takes'].toFixed(0)} x`;
      const limit = bar === undefined ? '' : `at most ${bar} ms`;
      console.log(
        `${window.padEnd(9)} ${String(records).padStart(7)} records  ${name.padEnd(5)}` +
          `${ms.toFixed(2).padStart(9)} ms  ${times.padStart(7)}  ${limit}`,
      );
    }
    console.log(
      failed.length === 0
        ? '\nresults identical to those of jq (sums within 1e-12: jq adds without compensation)'
        : `\n${failed.join('\n')}`,
    );
  }
  process.exitCode = failed.length === 0 ? 0 : 1;
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
  const analysis = analyze(readRecords({ directory, since, until: END }), { since, until: END });
  return { ms: performance.now() - start, analysis };
}

function coldMs(directory, since) {
  const args = [fileURLToPath(import.meta.url), '--child', directory, String(since)];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
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
