// What does one emission cost inside the agent? Beside: a bare write of the same bytes, the loggers that write
// synchronously, and the bridge of the original design, which started a shell for each value.
import { execSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import SonicBoom from 'sonic-boom';
import { createEmitter } from '../dist/index.js';
import { interleave, machine, median, ratio, report } from './rounds.mjs';

const OPERATIONS = 20_000;
const ROUNDS = 15;

let directory;
try {
  directory = mkdtempSync('/dev/shm/cfn-bench-');
} catch {
  directory = mkdtempSync(join(tmpdir(), 'cfn-bench-'));
}
const file = (name) => join(directory, name);
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

const immediate = createEmitter({ agent: 42, directory });
const batched = createEmitter({ agent: 43, directory, durability: 'batched', flushIntervalMs: 60_000 });
const options = { unit: 'ms', attributes: { phase: 'plan' } };
const gauge = immediate.gauge('coordination_time_ms', options);
const batchedGauge = batched.gauge('coordination_time_ms', options);

const line = Buffer.from(
  '{"timestamp":"2026-11-21T20:12:43.976Z","agent":"agent-42","metric":"coordination_time_ms","value":8031.5,' +
    '"unit":"ms","attributes":{"phase":"plan"}}\n',
);
const bare = openSync(file('bare'), flags, 0o600);
const boom = new SonicBoom({ dest: file('boom'), sync: true });
const logger = pino(
  { base: null, timestamp: () => `,"timestamp":"${new Date().toISOString()}"` },
  pino.destination({ dest: file('pino'), sync: true }),
);
const object = (value) => ({
  timestamp: new Date().toISOString(),
  agent: 'agent-42',
  metric: 'coordination_time_ms',
  value,
  unit: 'ms',
  attributes: { phase: 'plan' },
});

function repeat(run) {
  return () => {
    for (let i = 0; i < OPERATIONS; i += 1) run(i * 1.5);
  };
}

const times = interleave(
  {
    'fs.writeSync of a ready buffer': repeat(() => writeSync(bare, line)),
    'emit immediate, bound': repeat((value) => gauge.record(value)),
    'emit immediate, by name': repeat((value) => immediate.emit('coordination_time_ms', value, options)),
    'emit batched, bound': () => {
      for (let i = 0; i < OPERATIONS; i += 1) batchedGauge.record(i * 1.5);
      batched.flush();
    },
    'sonic-boom sync': repeat((value) => boom.write(`${JSON.stringify(object(value))}\n`)),
    'pino sync': repeat((value) =>
      logger.info({
        agent: 'agent-42',
        metric: 'coordination_time_ms',
        value,
        unit: 'ms',
        attributes: { phase: 'plan' },
      }),
    ),
  },
  {
    operations: OPERATIONS,
    rounds: ROUNDS,
    after: () => {
      for (const name of readdirSync(directory)) truncateSync(file(name), 0);
    },
  },
);

// The old bridge is so slow that a round of it is a few calls.
const script = `'( flock -n 200; printf "%s\\n" "{}" ) 200>>${file('bridge')}'`;
const bridge = interleave(
  { bridge: () => execSync(`bash -c ${script}`) },
  { operations: 1, rounds: 15 },
).bridge;
times['old bridge (execSync of bash)'] = bridge;

const base = times['fs.writeSync of a ready buffer'];
const result = {
  machine: machine(),
  micros: Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)])),
  immediateToBareWrite: ratio(times['emit immediate, bound'], base),
  immediateToSonicBoom: ratio(times['emit immediate, bound'], times['sonic-boom sync']),
  immediateToPino: ratio(times['emit immediate, bound'], times['pino sync']),
  bridgeToImmediate: median(bridge) / median(times['emit immediate, bound']),
};
if (process.argv.includes('--json')) {
  console.log(JSON.stringify(result, undefined, 2));
} else {
  console.log(`${result.machine}; ${ROUNDS} interleaved rounds of ${OPERATIONS}\n`);
  report(times, 'fs.writeSync of a ready buffer');
  console.log(
    `\nthe old bridge takes ${Math.round(result.bridgeToImmediate)} x as long as emit immediate, bound`,
  );
}
await immediate.close();
await batched.close();
closeSync(bare);
rmSync(directory, { recursive: true });
