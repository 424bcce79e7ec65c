#!/usr/bin/env node
// How long does one evaluation of 20 rules over 500 agents take, and the whole round with reading and keeping state?
//
//   npm run build && node bench/alert.mjs [--rounds 12] [--json]
//
// Every agent stores each of the 20 metrics every five seconds; rules look at the last minute and group by agents, a
// quarter of them each avg, max, last and p95. Quiet: nothing is over a limit. Storm: all 10,000 alerts fire.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAlerter, readAlerts } from '../dist/alert/index.js';
import { formatRecord } from '../dist/index.js';
import { machine, median } from './rounds.mjs';

const AGENTS = 500;
const RULES = 20;
const INTERVAL_MS = 30_000;
/** What the evaluation may take at most, in milliseconds. */
const BAR = 20;
const STATISTICS = ['avg', 'max', 'last', 'p95'];

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '12' }, json: { type: 'boolean', default: false } },
});

const results = {};
for (const [name, value] of Object.entries({ quiet: 1, storm: 100 })) results[name] = await measure(value);
if (values.json) console.log(JSON.stringify(results));
else {
  console.log(
    `${machine()}; ${AGENTS} agents, ${RULES} rules by agent, ${INTERVAL_MS / 1000} s between rounds\n`,
  );
  for (const [name, { evaluation, round, firing }] of Object.entries(results)) {
    const spread = `${Math.min(...evaluation).toFixed(1)} - ${Math.max(...evaluation).toFixed(1)}`;
    console.log(
      `${name}: ${firing} alerts; evaluation ${median(evaluation).toFixed(1)} ms (${spread}), bar ${BAR}; ` +
        `whole round ${median(round).toFixed(0)} ms`,
    );
  }
}
if (median(results.quiet.evaluation) > BAR) process.exitCode = 1;

async function measure(value) {
  const root = mkdtempSync('/dev/shm/cfn-metrics-bench-');
  const rules = Array.from({ length: RULES }, (_, i) => ({
    ...{ name: `Rule${i}`, metric: `metric_${i}`, statistic: STATISTICS[i % STATISTICS.length] },
    ...{ window: '1m', above: 50, groupBy: ['agent'] },
  }));
  let now = Date.UTC(2026, 10, 21, 12);
  const alerter = createAlerter({
    ...{ directory: root, state: join(root, 'state'), metrics: false, now: () => now },
    rules: await readAlerts(JSON.stringify({ rules, defaults: false }), 'bench.json'),
    channels: [{ name: 'none', send: () => Promise.resolve({ outcome: 'sent' }) }],
  });
  try {
    const times = { evaluation: [], round: [] };
    for (let round = -3; round < Number(values.rounds); round += 1) {
      write(root, now, value);
      now += INTERVAL_MS;
      const start = performance.now();
      await alerter.round();
      if (round < 0) continue;
      times.round.push(performance.now() - start);
      times.evaluation.push(alerter.status.evaluationMs);
    }
    return { ...times, firing: alerter.status.firing };
  } finally {
    await alerter.close();
    rmSync(root, { recursive: true, force: true });
  }
}

function write(directory, since, value) {
  for (let agent = 0; agent < AGENTS; agent += 1) {
    let lines = '';
    for (let time = since; time < since + INTERVAL_MS; time += 5000) {
      for (let i = 0; i < RULES; i += 1) {
        lines += formatRecord({
          time,
          agent: `agent-${agent}`,
          metric: `metric_${i}`,
          value: value + ((agent * 7 + time / 1000) % 10),
        });
      }
    }
    appendFileSync(join(directory, `cfn-metrics-${agent % 16}.jsonl`), lines, { mode: 0o600 });
  }
}
