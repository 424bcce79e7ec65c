#!/usr/bin/env node
// What a scrape of 10,000 series costs: from `cfn-metrics serve`, and from the AggregatorRegistry of prom-client with 8 and
// with 64 cluster workers that hold as many series together. Each is a server of its own; scrapes alternate. Beside
// the latency, the longest time in which the server's event loop did nothing else. Then the latency of scrapes while
// records come in.
//
//   npm run build && node bench/prometheus.mjs [--rounds 15] [--series 10000] [--records 50000] [--seconds 20]
import cluster from 'node:cluster';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import promClient from 'prom-client';
import { createPrometheusHandler } from '../dist/adapters/prometheus/index.js';
import { machine, median, ratio } from './rounds.mjs';

const SELF = fileURLToPath(import.meta.url);
const METRICS = 4;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '15' },
    series: { type: 'string', default: '10000' },
    records: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '20' },
    dir: { type: 'string', default: '' },
    workers: { type: 'string', default: '8' },
  },
});
const series = Number(values.series);

if (cluster.isWorker) work();
else if (positionals[0] === 'prom-client') await servePromClient(Number(values.workers));
else if (positionals[0] === 'ours') await serveOurs(values.dir);
else if (positionals[0] === 'writer') await write(values.dir, Number(values.records));
else await main();

/** A cluster worker: its share of the series, of four counters. */
function work() {
  const [first, last] = [Number(process.env.FIRST), Number(process.env.LAST)];
  for (let metric = 0; metric < METRICS; metric += 1) {
    const counter = new promClient.Counter({
      name: `tasks_${metric}_total`,
      help: 'h',
      labelNames: ['agent', 'phase'],
    });
    for (let i = first; i < last; i += 1) {
      if (i % METRICS === metric) counter.inc({ agent: `agent-${i}`, phase: 'plan' }, i);
    }
  }
  process.send('ready');
  // the registry answers the primary by itself
  new promClient.AggregatorRegistry();
}

async function servePromClient(workers) {
  const registry = new promClient.AggregatorRegistry();
  const share = Math.ceil(series / workers);
  cluster.setupPrimary({ exec: SELF, args: [] });
  const ready = Array.from({ length: workers }, (_, i) => {
    const env = { FIRST: `${i * share}`, LAST: `${Math.min(series, (i + 1) * share)}` };
    const worker = cluster.fork(env);
    return new Promise((resolve) => worker.on('message', (said) => said === 'ready' && resolve()));
  });
  await Promise.all(ready);
  process.on('disconnect', () => process.exit());
  await listen(async (_request, response) => response.end(await registry.clusterMetrics()));
}

async function serveOurs(directory) {
  process.on('disconnect', () => process.exit());
  await listen(createPrometheusHandler({ directory }));
}

/** Serves, and tells on /blocked how long the event loop was busy at most since it was asked the last time. */
async function listen(handler) {
  const busy = monitorEventLoopDelay({ resolution: 1 });
  busy.enable();
  const server = createServer((request, response) => {
    if (request.url !== '/blocked') return handler(request, response);
    response.end(`${busy.max / 1e6}`);
    busy.reset();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send(server.address().port);
}

/** Appends so many records a second to the shards, in 100 steps a second, until it is told to stop. */
async function write(directory, perSecond) {
  process.on('disconnect', () => process.exit());
  const startedAt = performance.now();
  for (let written = 0; ;) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    const shards = Array.from({ length: 16 }, () => '');
    const time = new Date().toISOString();
    for (; written < due; written += 1) {
      const agent = written % 500;
      shards[agent % 16] +=
        `{"timestamp":"${time}","agent":"agent-${agent}","metric":"steps_${written % METRICS}","value":1,"unit":"{step}","type":"counter","attributes":{"phase":"plan"}}\n`;
    }
    for (const [shard, text] of shards.entries()) {
      if (text !== '') appendFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), text);
    }
    await delay(10);
  }
}

function storeSeries(directory) {
  const time = new Date().toISOString();
  for (let i = 0; i < series; i += 1) {
    const line = `{"timestamp":"${time}","agent":"agent-${i}","metric":"tasks_${i % METRICS}","value":${i},"type":"counter","attributes":{"phase":"plan"}}\n`;
    appendFileSync(join(directory, `cfn-metrics-${i % 16}.jsonl`), line);
  }
}

async function start(...args) {
  const child = fork(SELF, [...args, '--series', `${series}`]);
  const [port] = await once(child, 'message');
  return { child, port };
}

async function fetchText(port, path, headers = {}) {
  const [response] = await once(get({ port, path, host: '127.0.0.1', headers }), 'response');
  const chunks = await response.toArray();
  return Buffer.concat(chunks);
}

async function timed(port, headers) {
  await fetchText(port, '/blocked');
  const startedAt = performance.now();
  const body = await fetchText(port, '/metrics', headers);
  const ms = performance.now() - startedAt;
  await delay(20);
  return { ms, bytes: body.length, blocked: Number((await fetchText(port, '/blocked')).toString()) };
}

async function main() {
  const rounds = Number(values.rounds);
  console.log(`${machine()}; load ${loadavg()[0].toFixed(1)}; ${series} series, ${rounds} rounds\n`);
  const directory = mkdtempSync('/dev/shm/cfn-bench-prometheus-');
  try {
    storeSeries(directory);
    const ours = await start('ours', '--dir', directory);
    const eight = await start('prom-client', '--workers', '8');
    const many = await start('prom-client', '--workers', '64');
    const cases = {
      'serve, text': [ours.port, {}],
      'serve, OpenMetrics, gzip': [
        ours.port,
        { accept: 'application/openmetrics-text', 'accept-encoding': 'gzip' },
      ],
      'prom-client, 8 workers': [eight.port, {}],
      'prom-client, 64 workers': [many.port, {}],
    };
    const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
    for (let round = -3; round < rounds; round += 1) {
      for (const [name, [port, headers]] of Object.entries(cases)) {
        const result = await timed(port, headers);
        if (round >= 0) results[name].push(result);
      }
    }
    show(results);
    for (const { child } of [eight, many]) child.disconnect();
    await whileRecordsCome(directory, ours);
    ours.child.disconnect();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function show(results) {
  console.log(`${''.padEnd(26)}  median ms   min - max ms       blocked ms   ratio      bytes`);
  const base = results['serve, text'].map(({ ms }) => ms);
  for (const [name, all] of Object.entries(results)) {
    const times = all.map(({ ms }) => ms);
    const spread = `${Math.min(...times).toFixed(1)} - ${Math.max(...times).toFixed(1)}`;
    const blocked = median(all.map((each) => each.blocked)).toFixed(1);
    console.log(
      `${name.padEnd(26)}  ${median(times).toFixed(1).padStart(9)}   ${spread.padEnd(16)}   ${blocked.padStart(10)}  ${ratio(times, base).toFixed(2).padStart(6)}  ${`${all[0].bytes}`.padStart(9)}`,
    );
  }
}

/** Latency of a scrape a second while another process writes, and how many records that was. */
async function whileRecordsCome(directory, { port }) {
  const read = async () =>
    Number(/\ncfn_exporter_records_total (\d+)/.exec((await fetchText(port, '/metrics')).toString())[1]);
  const before = await read();
  const args = [SELF, 'writer', '--dir', directory, '--records', values.records];
  const writer = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const startedAt = performance.now();
  const scrapes = [];
  while (performance.now() - startedAt < Number(values.seconds) * 1000) {
    await delay(1000);
    scrapes.push((await timed(port, {})).ms);
  }
  const records = (await read()) - before;
  const perSecond = Math.round((records / (performance.now() - startedAt)) * 1000);
  writer.kill();
  console.log(
    `\nwhile ${perSecond} records a second come in: median ${median(scrapes).toFixed(1)} ms, ` +
      `${Math.min(...scrapes).toFixed(1)} - ${Math.max(...scrapes).toFixed(1)} ms, ${scrapes.length} scrapes`,
  );
}
