#!/usr/bin/env node
// How much longer than `node -e 0` does `cfn-metrics analyze` over the last 30 s of a full day take, as a whole
// command? Runs alternate, so that what else the machine does hits all of them alike.
//
//   npm run build && node bench/cli.mjs [--runs 31] [--json]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '31' }, json: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);
const cli = join(import.meta.dirname, '../dist/cli/index.cjs');
const AGENTS = 500;
const RECORDS = 144_000;
const DAY_MS = 86_400_000;

/** A day of 500 agents that ends now, as the shards would hold it: 16 files, 29 MB. */
function writeDay(directory) {
  const now = Date.now();
  const shards = Array.from({ length: 16 }, () => []);
  for (let i = 0; i < RECORDS; i += 1) {
    const time = new Date(now - DAY_MS + Math.floor((i * DAY_MS) / RECORDS));
    const agent = i % AGENTS;
    const value = (i * 7919) % 9973;
    shards[agent % 16].push(
      `{"timestamp":"${time.toISOString()}","agent":"agent-${agent}","metric":"coordination_time_ms","value":${value},` +
        `"unit":"ms","type":"gauge","attributes":{"phase":"plan","team":"alpha-${agent % 9}","worker":"w-${agent}"}}\n`,
    );
  }
  for (const [shard, lines] of shards.entries()) {
    writeFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), lines.join(''));
  }
}

function timed(args) {
  const startedMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  return performance.now() - startedMs;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const directory = mkdtempSync('/dev/shm/cfn-bench-');
try {
  writeDay(directory);
  const bare = ['-e', '0'];
  const cases = {
    'analyze --since 30s': [cli, 'analyze', '--since', '30s', '--dir', directory],
    'analyze --since 30s --json': [cli, 'analyze', '--since', '30s', '--dir', directory, '--json'],
    'analyze (the whole day)': [cli, 'analyze', '--dir', directory],
    '--version': [cli, '--version'],
  };
  const rounds = [];
  timed(bare);
  for (let run = 0; run < runs; run += 1) {
    const bareMs = timed(bare);
    rounds.push({ bareMs, ms: Object.values(cases).map(timed) });
  }
  const bareMs = median(rounds.map((round) => round.bareMs));
  const results = Object.keys(cases).map((name, i) => ({
    name,
    ms: median(rounds.map((round) => round.ms[i])),
    ratio: median(rounds.map((round) => round.ms[i] / round.bareMs)),
  }));
  if (values.json) {
    const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
    console.log(JSON.stringify({ ...machine, runs, bareMs, results }));
  } else {
    console.log(
      `node -e 0: ${bareMs.toFixed(1)} ms (medians of ${runs} alternating runs, ${process.version})`,
    );
    for (const { name, ms, ratio } of results) {
      console.log(`${name.padEnd(28)} ${ms.toFixed(1).padStart(7)} ms  ${ratio.toFixed(2)} x node -e 0`);
    }
  }
} finally {
  rmSync(directory, { recursive: true });
}
