#!/usr/bin/env node
// What do metrics cost a coordination of 100 to 1,000 agents, and does everything arrive? The table of docs/scale.md and
// its plot, by `cfn-metrics simulate`: real processes, half of the agents in TypeScript and half in bash.
//
//   npm run bench:scale -- [--agents 100,250,500,750,1000] [--seconds 8] [--pairs 3] [--svg docs/scale.svg] [--json]
//
// Overhead is processor time of emissions over processor time of the whole coordination, at the rate of the design (three
// records an agent every 15 minutes) and at 100 times that. Beside it stand pairs of runs, at 100 times the rate and without
// metrics: by how much more processor time a message took, the mean of the pairs with its 95 % interval (Student's t).
// That shows what a comparison from outside can tell; the order within a pair alternates. A day is its rate times a day.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ready, root } from '../scripts/ready.mjs';
import { machine, median } from './rounds.mjs';
import { scalePlot } from './scale-plot.mjs';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '100,250,500,750,1000' },
    seconds: { type: 'string', default: '8' },
    pairs: { type: 'string', default: '3' },
    svg: { type: 'string', default: join(root, 'docs/scale.svg') },
    json: { type: 'boolean', default: false },
  },
});
const pairs = Number(values.pairs);
/** A hundredth of 15 minutes. */
const OFTEN = ['--report-every', '9s'];
/** 97.5 % quantiles of Student's t, by degrees of freedom. */
const T = [NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

function simulate(agents, more, seconds = values.seconds) {
  const args = ['simulate', '--agents', `${agents}`, '--duration', `${seconds}s`, '--json', ...more];
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli/index.cjs'), ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (stdout === '') throw new Error(`simulate ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Microseconds of processor time that a message took, its task included. */
function cpuOfMessage({ processor, messages, agents }) {
  return (processor.coordination.totalMs * 1000) / (messages.acknowledged - agents);
}

function measure(agents) {
  // long enough for some of 100 agents to report
  const design = simulate(agents, [], Math.max(30, Number(values.seconds)));
  const often = [];
  const differences = [];
  const roundsWithout = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const run = { on: () => simulate(agents, OFTEN), off: () => simulate(agents, ['--metrics', 'off']) };
    const order = pair % 2 === 0 ? ['on', 'off'] : ['off', 'on'];
    const { on, off } = Object.fromEntries(order.map((which) => [which, run[which]()]));
    often.push(on);
    differences.push(100 * (cpuOfMessage(on) / cpuOfMessage(off) - 1));
    roundsWithout.push(off.coordination.p50Ms);
  }
  const all = [design, ...often];
  const total = (what) => all.reduce((sum, { [what]: part }) => sum + part, 0);
  const records = all.map((run) => run.records);
  const inShard = design.shards.map((shard) => shard.agents);
  return {
    agents,
    processes: design.typescript.processes + design.bash.processes,
    recordsADay: design.records.aDay,
    bytesADay: design.records.bytesADay,
    overheadPercent: design.processor.overheadPercent,
    overheadWithStartPercent: design.processor.overheadWithStartPercent,
    oftenOverheadPercent: median(often.map(({ processor }) => processor.overheadPercent)),
    pairsPercent: interval(differences),
    coordination: {
      p50Ms: median(often.map(({ coordination }) => coordination.p50Ms)),
      p99Ms: median(often.map(({ coordination }) => coordination.p99Ms)),
      p50WithoutMs: median(roundsWithout),
    },
    emitted: records.reduce((sum, { emitted }) => sum + emitted, 0),
    stored: records.reduce((sum, { stored }) => sum + stored, 0),
    messages: {
      sent: all.reduce((sum, { messages }) => sum + messages.sent, 0),
      acknowledged: all.reduce((sum, { messages }) => sum + messages.acknowledged, 0),
    },
    seen: Math.min(...records.map(({ agentsSeen }) => agentsSeen)),
    agentsInShard: [Math.min(...inShard), Math.max(...inShard)],
    // of the longest run, in which the code is warm, as it is where somebody asks all the time
    analysis: design.analysis,
    agentsBytes: median(often.map(({ memory }) => memory.agentsBytes)),
    load: median(
      often.map(({ processor, coordination }) => processor.coordination.totalMs / coordination.totalMs),
    ),
    lost: total('lostProcesses'),
  };
}

/** Mean, and the 95 % interval around it. */
function interval(numbers) {
  const n = numbers.length;
  const mean = numbers.reduce((sum, number) => sum + number, 0) / n;
  const variance = numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0) / (n - 1);
  const half = (T[n - 1] ?? 2) * Math.sqrt(variance / n);
  return { mean, from: mean - half, to: mean + half };
}

const percent = (number, digits = 2) => `${Number(number.toPrecision(digits))} %`;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
const whole = (number) => Math.round(number).toLocaleString('en-US');

const COLUMNS = {
  agents: ({ agents }) => whole(agents),
  'records a day': ({ recordsADay }) => whole(recordsADay),
  'bytes a day': ({ bytesADay }) => megabytes(bytesADay),
  overhead: ({ overheadPercent }) => percent(overheadPercent),
  'at 100 x': ({ oftenOverheadPercent }) => percent(oftenOverheadPercent),
  'by pairs at 100 x': ({ pairsPercent: { mean, from, to } }) =>
    `${mean.toFixed(1)} % (${from.toFixed(1)} to ${to.toFixed(1)})`,
  'coordination p50, p99': ({ coordination: { p50Ms, p99Ms } }) => `${whole(p50Ms)}, ${whole(p99Ms)} ms`,
  without: ({ coordination: { p50WithoutMs } }) => `${whole(p50WithoutMs)} ms`,
  'records delivered': ({ stored, emitted }) => `${whole(stored)} of ${whole(emitted)}`,
  'messages delivered': ({ messages: { acknowledged, sent } }) => `${whole(acknowledged)} of ${whole(sent)}`,
  'agents a shard': ({ agentsInShard: [least, most] }) =>
    least === most ? `${least}` : `${least} to ${most}`,
  'analysis of 30 s': ({ analysis: { medianMs, medianCpuMs } }) =>
    `${medianMs.toFixed(1)}, ${medianCpuMs.toFixed(1)} ms`,
  'RAM of agents': ({ agentsBytes }) => megabytes(agentsBytes),
  load: ({ load }) => load.toFixed(2),
};

function row(cells) {
  return `| ${cells.join(' | ')} |`;
}

await ready();
const startedAt = performance.now();
const results = [];
if (!values.json) {
  console.log(row(Object.keys(COLUMNS)));
  console.log(row(Object.keys(COLUMNS).map(() => '---')));
}
for (const agents of values.agents.split(',').map(Number)) {
  const result = measure(agents);
  results.push(result);
  if (!values.json) console.log(row(Object.values(COLUMNS).map((cell) => cell(result))));
}
writeFileSync(values.svg, scalePlot(results));
const minutes = (performance.now() - startedAt) / 60_000;
const about = { machine: machine(), seconds: Number(values.seconds), pairs, minutes };
if (values.json) console.log(JSON.stringify({ ...about, results }));
else console.log(`${JSON.stringify(about)}\nthe plot is in ${values.svg}`);
const whole100 = results.every(
  ({ stored, emitted, messages, seen, agents, lost }) =>
    stored === emitted && messages.sent === messages.acknowledged && seen === agents && lost === 0,
);
if (!whole100) console.error('something was not delivered');
process.exitCode = whole100 ? 0 : 1;
