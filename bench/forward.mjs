// What does it cost to forward 20,000 points a second, beside the exporter of OpenTelemetry on the same points? And what of
// memory while the backend is away?
//   node bench/forward.mjs [rounds] [seconds]        processor time, ours and theirs in turn
//   node bench/forward.mjs outage [minutes] [times]  minutes at 2,000 points a second, so many times as fast (30)
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const AGENTS = 500;
const METRICS = 40;
const [role, ...rest] = process.argv.slice(2);

const roles = { feed, receive, forward, stock, outage };
if (Object.hasOwn(roles, role)) await roles[role](...rest);
else await compare(Number(role ?? 5), Number(rest[0] ?? 15));

/** Each kind in turn, so that what else the machine does is the same for all. */
async function compare(rounds, seconds) {
  const shares = { 'prometheus-remote-write': [], otlp: [], datadog: [], stock: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of Object.keys(shares)) {
      const share = kind === 'stock' ? await runStock(seconds) : await runOurs(kind, seconds);
      shares[kind].push(share);
      console.log(
        `${kind}: ${share.points} points/s, ${(100 * share.core).toFixed(1)} % of a core, ${share.mb} MB`,
      );
    }
  }
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const stockCore = median(shares.stock.map(({ core }) => core));
  for (const [kind, all] of Object.entries(shares)) {
    const core = median(all.map((each) => each.core));
    console.log(
      `median ${kind}: ${(100 * core).toFixed(1)} % of a core, ${(core / stockCore).toFixed(2)} of stock`,
    );
  }
}

async function runOurs(kind, seconds) {
  const shm = mkdtempSync('/dev/shm/cfn-metrics-bench-');
  const state = mkdtempSync(join(tmpdir(), 'cfn-metrics-bench-'));
  const receiver = await child('receive');
  const feeder = await child('feed', shm);
  const forwarder = await child('forward', kind, `http://127.0.0.1:${receiver.ready}`, shm, state);
  const share = await measure(forwarder, seconds);
  for (const each of [forwarder, feeder, receiver]) each.process.kill('SIGKILL');
  for (const directory of [shm, state]) rmSync(directory, { recursive: true, force: true });
  return share;
}

async function runStock(seconds) {
  const receiver = await child('receive');
  const exporter = await child('stock', `http://127.0.0.1:${receiver.ready}`);
  const share = await measure(exporter, seconds);
  for (const each of [exporter, receiver]) each.process.kill('SIGKILL');
  return share;
}

/** Processor time and points of a while, after it has warmed up. */
async function measure(who, seconds) {
  await delay(5000);
  const before = await who.ask();
  await delay(seconds * 1000);
  const after = await who.ask();
  return {
    points: Math.round((after.points - before.points) / ((after.time - before.time) / 1000)),
    core: (after.cpu - before.cpu) / 1000 / (after.time - before.time),
    mb: Math.round(after.rss / 1e6),
  };
}

async function child(...args) {
  const process = fork(import.meta.filename, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [ready] = await once(process, 'message');
  const ask = async () => {
    process.send('how');
    return (await once(process, 'message'))[0];
  };
  return { process, ready, ask };
}

function answerQuestions(points) {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    const { rss } = process.memoryUsage();
    process.send({ cpu: user + system, time: performance.now(), points: points(), rss });
  });
}

/** A record of each series every second: half of them counters, half of them gauges. */
async function feed(directory) {
  const files = Array.from({ length: 16 }, (_, shard) =>
    openSync(join(directory, `cfn-metrics-${shard}.jsonl`), 'a', 0o600),
  );
  const tails = Array.from({ length: AGENTS * METRICS }, (_, i) => {
    const [agent, metric] = [i % AGENTS, Math.floor(i / AGENTS)];
    const type = metric % 2 === 0 ? ',"type":"counter"' : '';
    return [
      agent % 16,
      `","agent":"agent-${agent}","metric":"metric_${metric}","value":`,
      `,"unit":"ms"${type},"attributes":{"phase":"plan"}}\n`,
    ];
  });
  process.send('ready');
  for (let i = 0; ;) {
    // a tenth of a second at once
    const startedAt = performance.now();
    const texts = files.map(() => '');
    const head = `{"timestamp":"${new Date().toISOString()}`;
    for (let n = 0; n < tails.length / 10; n += 1, i = (i + 1) % tails.length) {
      const [shard, middle, end] = tails[i];
      texts[shard] += `${head}${middle}${1 + (i % 7)}${end}`;
    }
    files.forEach((fd, shard) => writeSync(fd, texts[shard]));
    await delay(Math.max(0, 100 - (performance.now() - startedAt)));
  }
}

async function receive() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send(server.address().port);
}

async function forward(kind, url, directory, state) {
  const { createForwarder } = await import('../dist/forward/index.js');
  const forwarder = createForwarder({
    backend: await backendOf(kind, url),
    ...{ directory, state, intervalMs: 1000, graceMs: 200, pollMs: 250, maxSeries: 50_000 },
  });
  answerQuestions(() => forwarder.stats.points);
  process.send('ready');
  await forwarder.run();
}

async function backendOf(kind, url) {
  if (kind === 'otlp') {
    const { createOtlpBackend } = await import('../dist/adapters/otlp/index.js');
    return createOtlpBackend({ endpoint: url });
  }
  if (kind === 'datadog') {
    const { createDatadogBackend } = await import('../dist/adapters/datadog/index.js');
    return createDatadogBackend({ endpoint: url, apiKey: 'k' });
  }
  const { createRemoteWriteBackend } = await import('../dist/adapters/remote-write/index.js');
  return createRemoteWriteBackend({ url });
}

/** The same series in meters of one process, with the stock reader and exporter. */
async function stock(url) {
  const { MeterProvider, PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-proto');
  const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics`, compression: 'gzip' });
  const send = exporter.export.bind(exporter);
  let points = 0;
  exporter.export = (metrics, done) => {
    for (const { metrics: all } of metrics.scopeMetrics)
      for (const { dataPoints } of all) points += dataPoints.length;
    send(metrics, done);
  };
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 1000,
    exportTimeoutMillis: 900,
  });
  const meter = new MeterProvider({ readers: [reader] }).getMeter('bench');
  const series = Array.from({ length: AGENTS * METRICS }, (_, i) => {
    const attributes = { 'agent.id': `agent-${i % AGENTS}`, phase: 'plan' };
    return [Math.floor(i / AGENTS), attributes];
  });
  const instruments = Array.from({ length: METRICS }, (_, metric) => {
    const counts = metric % 2 === 0;
    const instrument = counts
      ? meter.createCounter(`metric_${metric}`)
      : meter.createGauge(`metric_${metric}`);
    return counts ? (v, a) => instrument.add(v, a) : (v, a) => instrument.record(v, a);
  });
  answerQuestions(() => points);
  process.send('ready');
  for (let i = 0; ;) {
    const startedAt = performance.now();
    for (let n = 0; n < series.length / 10; n += 1, i = (i + 1) % series.length) {
      const [metric, attributes] = series[i];
      instruments[metric](1 + (i % 7), attributes);
    }
    await delay(Math.max(0, 100 - (performance.now() - startedAt)));
  }
}

/** Memory while the backend is away, and how long it takes to catch up. */
async function outage(minutes = '30', times = '30') {
  const { createForwarder } = await import('../dist/forward/index.js');
  const shm = mkdtempSync('/dev/shm/cfn-metrics-bench-');
  const state = mkdtempSync(join(tmpdir(), 'cfn-metrics-bench-'));
  let away = true;
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(away ? 503 : 204).end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const backend = await backendOf('prometheus-remote-write', `http://127.0.0.1:${server.address().port}`);
  const encode = backend.encode.bind(backend);
  let told = 0;
  let waitingFor = new Map();
  backend.encode = (points, of) => {
    for (const { metric, agent, value } of points) waitingFor.set(`${metric} ${agent}`, value);
    return encode(points, of);
  };
  const end = Date.now();
  const start = end - Number(minutes) * 60_000;
  const files = Array.from({ length: 16 }, (_, shard) =>
    openSync(join(shm, `cfn-metrics-${shard}.jsonl`), 'a', 0o600),
  );
  const second = (time) => {
    const texts = files.map(() => '');
    const head = `{"timestamp":"${new Date(time).toISOString()}","agent":"agent-`;
    for (let i = 0; i < 2000; i += 1) {
      texts[i % 16] +=
        `${head}${i % 100}","metric":"metric_${Math.floor(i / 100)}","value":1,"type":"counter","attributes":{"phase":"plan"}}\n`;
    }
    files.forEach((fd, shard) => writeSync(fd, texts[shard]));
  };
  let clock = start + 12_000;
  // records are stamped by this clock, so many times as fast as any other
  const now = () => clock;
  const forwarder = createForwarder({
    backend,
    directory: shm,
    state,
    maxBackoffMs: 1000,
    resendMs: 600_000,
    now,
  });
  second(start);
  const stop = new AbortController();
  const running = forwarder.run({ signal: stop.signal, flushMs: 600_000 });
  while (forwarder.stats.retries === 0) await delay(10);
  const rss = () => Math.round(process.memoryUsage().rss / 1e6);
  const heap = () => Math.round(process.memoryUsage().heapUsed / 1e6);
  const sizes = [];
  for (let time = start + 1000; time < end; time += 1000) {
    clock = Math.max(clock, time + 1);
    second(time);
    if ((time - start) % 30_000 === 0) {
      sizes.push(rss());
      await delay(30_000 / Number(times));
    }
  }
  files.forEach((fd) => closeSync(fd));
  const seconds = Math.round((end - start) / 1000);
  console.log(
    `${minutes} min away, ${seconds * 2000} records: MB of RSS each half minute: ${sizes.join(' ')}; heap ${heap()}`,
  );
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, rss())), 100);
  const { user, system } = process.cpuUsage();
  const startedAt = performance.now();
  away = false;
  stop.abort();
  await running;
  clearInterval(watch);
  const used = process.cpuUsage();
  const cpu = (used.user + used.system - user - system) / 1e6;
  for (const value of waitingFor.values()) told += value;
  const took = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `caught up in ${took} s (${cpu.toFixed(1)} s of a processor), peak ${peak} MB; told ${told} of ${seconds * 2000}, ${forwarder.stats.points} points`,
  );
  await forwarder.close();
  server.close();
  server.closeAllConnections();
  for (const directory of [shm, state]) rmSync(directory, { recursive: true, force: true });
}
