#!/usr/bin/env node
// What does `cfn-metrics watch` take of a processor, on a terminal of 40 lines, while 500 agents write?
//
//   npm run build && node bench/watch.mjs [--agents 500] [--every 1000] [--seconds 30] [--json]
//
// Each agent stores four metrics every so many milliseconds. The command runs under script(1), which is a terminal; its
// processor time is that of its process in /proc, after ten seconds in which code is compiled and trends fill.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createEmitter } from '../dist/index.js';
import { machine } from './rounds.mjs';

const CLI = fileURLToPath(new URL('../dist/cli/index.cjs', import.meta.url));
/** What it may take of one core. */
const BAR = 0.05;
const WARM_UP_MS = 10_000;

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '500' },
    every: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
  },
});
const [agents, everyMs, seconds] = [values.agents, values.every, values.seconds].map(Number);
const directory = mkdtempSync('/dev/shm/cfn-metrics-bench-');
try {
  await main();
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function main() {
  const gauges = Array.from({ length: agents }, (_, agent) => {
    const emitter = createEmitter({ agent, directory, durability: 'batched' });
    return ['coordination_time_ms', 'message_delivery_rate', 'memory_usage_mb', 'queue_depth'].map((metric) =>
      emitter.gauge(metric),
    );
  });
  // In slices, as agents that know nothing of each other write.
  const slices = 20;
  let round = 0;
  const timer = setInterval(() => {
    for (let agent = round % slices; agent < agents; agent += slices) {
      for (const gauge of gauges[agent]) gauge.record(Math.round(1000 * Math.random()));
    }
    round += 1;
  }, everyMs / slices);
  const command = `stty rows 40 cols 120; exec '${process.execPath}' '${CLI}' watch --dir '${directory}'`;
  const env = { ...process.env, TERM: 'xterm-256color' };
  const terminal = spawn('script', ['-qfec', command, '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = 0;
  terminal.stdout.on('data', (data) => (shown += data.length));
  try {
    await delay(WARM_UP_MS);
    const pid = Number(execFileSync('pgrep', ['-P', String(terminal.pid)], { encoding: 'utf8' }));
    const [cpu, bytes, began] = [cpuSeconds(pid), shown, performance.now()];
    await delay(seconds * 1000);
    const elapsed = (performance.now() - began) / 1000;
    const share = (cpuSeconds(pid) - cpu) / elapsed;
    const memoryMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000;
    report({
      machine: machine(),
      agents,
      everyMs,
      share,
      memoryMb,
      bytesPerSecond: (shown - bytes) / elapsed,
    });
  } finally {
    clearInterval(timer);
    // the key that ends it
    terminal.stdin.end('q');
  }
}

/** Processor time of a process so far: fields 14 and 15 of its stat, in hundredths of a second. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function report(result) {
  const { share, memoryMb, bytesPerSecond } = result;
  process.exitCode = share <= BAR ? 0 : 1;
  if (values.json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(
    `${result.machine}\nwatch over ${agents} agents with 4 metrics every ${everyMs} ms: ${(100 * share).toFixed(1)} % ` +
      `of a core (at most ${100 * BAR} %), ${memoryMb.toFixed(0)} MB, ${(bytesPerSecond / 1000).toFixed(1)} kB/s to the terminal`,
  );
}
