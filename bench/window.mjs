#!/usr/bin/env node
// What does it cost to follow 50,000 records a second in a Window, and how long does asking it take?
//
//   npm run build && node bench/window.mjs [--seconds 20] [--rate 50000] [--fill 300] [--json]
//
// Following: two processes with batched emitters write to 16 shards, 500 agents with 20 metrics, and a third one follows
// them; its processor time is measured, compiling left out. Three times: only following, with a Window, and with a Window
// that is asked twice a second. The peer asks as often from the files, analyze(readRecords({ since })).
//
// Asking: a Window that is full, with a clock of its own. Every 450 ms of records, so at every part of a second, it is asked
// for all statistics of the last 30 s and 5 min, by agent and by metric. Processor time and wall time, because others use
// the machine too.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { analyze, Window } from '../dist/analyze/index.js';
import { createEmitter, followRecords, readRecords } from '../dist/index.js';
import { machine, median } from './rounds.mjs';

const AGENTS = 500;
const METRICS = 20;
const WRITERS = 2;
const WARM_MS = 8000;
/** Of the clock of the window that is asked. */
const STEP_MS = 50;
const POLL_MS = 200;
const ASK_MS = 450;
const QUESTIONS = {
  '30 s, by agent': { lengthMs: 30_000, groupBy: ['agent'] },
  '5 min, by agent': { lengthMs: 300_000, groupBy: ['agent'] },
  '30 s, by metric': { lengthMs: 30_000 },
  '5 min, by metric': { lengthMs: 300_000 },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '50000' },
    fill: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);

const pool = lognormal(65_536);
if (values.child === 'write') await write(positionals[0], Number(positionals[1]));
else if (values.child === 'ask') ask(Number(positionals[0]), Number(values.fill));
else if (values.child !== undefined) await follow(values.child, positionals[0]);
else await main();

async function main() {
  const following = {};
  for (const how of ['tail', 'window', 'asked window', 'analyze']) following[how] = await followed(how);
  const asking = {
    [`${rate} records/s`]: await result(['--child', 'ask', '--fill', values.fill, `${rate}`]),
    // Each series every 10 seconds, as agents do.
    '1000 records/s': await result(['--child', 'ask', '--fill', values.fill, '1000']),
  };
  const report = { machine: machine(), rate, seconds, following, asking };
  if (values.json) {
    console.log(JSON.stringify(report, undefined, 2));
    return;
  }
  console.log(`${report.machine}; ${AGENTS} agents x ${METRICS} metrics`);
  for (const [how, { share, records, rss, heap, askMs }] of Object.entries(following)) {
    const asks = askMs === undefined ? '' : `, an answer takes ${askMs.toFixed(1)} ms`;
    console.log(
      `${how}: ${share.toFixed(1)} % of a core at ${records.toFixed(0)} records/s${asks}; RSS ${rss.join(', ')} MB, heap ${heap.join(', ')} MB`,
    );
  }
  for (const [load, { addMicros, askedAddMicros, rss, heap, asks }] of Object.entries(asking)) {
    const adding = `${addMicros.toFixed(2)} µs, while it is asked ${askedAddMicros.toFixed(2)} µs`;
    console.log(`full window of ${load}: add ${adding}, RSS ${rss} MB, heap ${heap} MB`);
    for (const [name, { groups, first, cpu, wall }] of Object.entries(asks)) {
      const figures = [first, cpu.median, cpu.p90, cpu.p99, wall.median, wall.p99].map((ms) =>
        ms.toFixed(1).padStart(7),
      );
      console.log(
        `  ${name.padEnd(16)} ${String(groups).padStart(6)} groups; ms: first, cpu median, p90, p99, wall median, p99 ${figures.join(' ')}`,
      );
    }
  }
}

/** What following costs, with writers of its own. */
async function followed(how) {
  const directory = mkdtempSync('/dev/shm/cfn-metrics-bench-');
  const writers = Array.from({ length: WRITERS }, (_, i) =>
    start(['--child', 'write', '--rate', `${rate}`, directory, `${i}`]),
  );
  try {
    await delay(1000);
    return await result(['--child', how, '--seconds', `${seconds}`, directory]);
  } finally {
    await Promise.all(writers.map((writer) => ended(writer, () => writer.send('end'))));
    rmSync(directory, { recursive: true, force: true });
  }
}

function start(args) {
  return fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function ended(child, then = () => undefined) {
  const end = new Promise((resolve) => child.once('exit', resolve));
  then();
  return end;
}

async function result(args) {
  const child = start(args);
  let answer;
  child.once('message', (message) => (answer = message));
  const code = await ended(child);
  if (answer === undefined) throw new Error(`${args.join(' ')} ended with ${code}`);
  return answer;
}

/** Writes its part of the records, as evenly as timers allow. */
async function write(directory, part) {
  const emitter = createEmitter({
    agent: 'writer',
    directory,
    durability: 'batched',
    maxQueueBytes: 2 ** 25,
  });
  const gauges = [];
  for (let agent = part; agent < AGENTS; agent += WRITERS) {
    for (let metric = 0; metric < METRICS; metric += 1) {
      gauges.push(emitter.gauge(`metric_${metric}_ms`, { agent, unit: 'ms', attributes: { phase: 'plan' } }));
    }
  }
  let end = false;
  process.once('message', () => (end = true));
  const began = performance.now();
  let written = 0;
  while (!end) {
    const due = ((performance.now() - began) / 1000) * (rate / WRITERS);
    for (; written < due; written += 1) gauges[written % gauges.length].record(pool[(written * 7) & 65_535]);
    await delay(10);
  }
  await emitter.close();
  process.disconnect();
}

/** Follows for some seconds, and sends what that took. */
async function follow(how, directory) {
  const window = new Window({ lengthMs: 300_000 });
  const ending = new AbortController();
  const rss = [];
  const heap = [];
  const asks = [];
  let records = 0;
  let first;
  const timer = setInterval(() => {
    if (how !== 'asked window' && how !== 'analyze') return;
    const begin = process.cpuUsage();
    const question = QUESTIONS['30 s, by agent'];
    if (how === 'analyze') analyze(readRecords({ directory, since: Date.now() - 30_000 }), question);
    else window.analyze(question);
    if (first !== undefined) asks.push(cpuMs(begin));
  }, 500);
  const memory = setInterval(
    () => {
      const { rss: resident, heapUsed } = process.memoryUsage();
      rss.push(Math.round(resident / 2 ** 20));
      heap.push(Math.round(heapUsed / 2 ** 20));
    },
    (seconds * 1000) / 5,
  );
  setTimeout(() => (first = { cpu: process.cpuUsage(), records, at: performance.now() }), WARM_MS);
  let measured;
  setTimeout(
    () => {
      const elapsed = performance.now() - first.at;
      measured = {
        share: (100 * cpuMs(first.cpu)) / elapsed,
        records: (1000 * (records - first.records)) / elapsed,
      };
      ending.abort();
    },
    WARM_MS + seconds * 1000,
  );
  if (how === 'analyze') await new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
  else {
    for await (const batch of followRecords({ directory, from: 'end', signal: ending.signal })) {
      records += batch.records.length;
      if (how !== 'tail') for (const record of batch.records) window.add(record);
    }
  }
  clearInterval(timer);
  clearInterval(memory);
  process.send({ ...measured, rss, heap, ...(asks.length > 0 && { askMs: median(asks) }) });
  process.disconnect();
}

/** Asks a window that is full for 40 seconds: in real time this would be a poll every 200 ms, and questions every 450. */
function ask(perSecond, fill) {
  const begin = Date.UTC(2026, 10, 21, 12);
  let now = begin;
  const window = new Window({ lengthMs: 300_000, now: () => now });
  const agents = Array.from({ length: AGENTS }, (_, i) => `agent-${i}`);
  const metrics = Array.from({ length: METRICS }, (_, i) => `metric_${i}_ms`);
  const asks = Object.fromEntries(Object.keys(QUESTIONS).map((name) => [name, { cpu: [], wall: [] }]));
  let next = 0;
  const perPoll = (perSecond * POLL_MS) / 1000;
  const poll = () =>
    Array.from({ length: perPoll }, (_, i) => {
      next += 1;
      return {
        time: now - POLL_MS + Math.floor((i * POLL_MS) / perPoll),
        agent: agents[next % AGENTS],
        metric: metrics[Math.floor(next / AGENTS) % METRICS],
        value: pool[(next * 7) & 65_535],
        unit: 'ms',
        type: 'gauge',
      };
    });
  const add = { full: 0, asked: 0 };
  for (let ms = 0; ms < (fill + 40) * 1000; ms += STEP_MS) {
    now = begin + ms;
    const isAsked = ms >= fill * 1000;
    if (ms % POLL_MS === 0) {
      const records = poll();
      const from = performance.now();
      for (const record of records) window.add(record);
      add[isAsked ? 'asked' : 'full'] += performance.now() - from;
    }
    if (!isAsked || ms % ASK_MS !== 0) continue;
    for (const [name, question] of Object.entries(QUESTIONS)) {
      const cpu = process.cpuUsage();
      const wall = performance.now();
      asks[name].groups = window.analyze(question).groups.length;
      asks[name].wall.push(performance.now() - wall);
      asks[name].cpu.push(cpuMs(cpu));
    }
  }
  const { rss, heapUsed } = process.memoryUsage();
  const figures = Object.entries(asks).map(([name, { groups, cpu, wall }]) => [
    name,
    // The first question of a length adds up all there is; the next ones compile what they run.
    { groups, first: cpu[0], cpu: spread(cpu.slice(20)), wall: spread(wall.slice(20)) },
  ]);
  process.send({
    addMicros: (add.full * 1000) / (perSecond * fill),
    askedAddMicros: (add.asked * 1000) / (perSecond * 40),
    rss: Math.round(rss / 2 ** 20),
    heap: Math.round(heapUsed / 2 ** 20),
    asks: Object.fromEntries(figures),
  });
  process.disconnect();
}

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.ceil(sorted.length * part) - 1];
  return { median: median(sorted), p90: at(0.9), p99: at(0.99) };
}

function cpuMs(begin) {
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

/** Values as durations are: around 150, rarely ten times as long. */
function lognormal(count) {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Float64Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    return Math.round(Math.exp(5 + 0.5 * normal) * 10) / 10;
  });
}
