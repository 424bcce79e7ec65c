// Every instrument of OpenTelemetry through the exporter, and the ways a process can end.
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const process = require('node:process');
const { check, inDirectory } = require('./check.cjs');

const ROUNDS = 5;

exports.exporter = (modules) =>
  inDirectory(async (root) => {
    for (const temporality of ['lowmemory', 'delta', 'cumulative']) {
      for (const histogramAggregation of [
        'base2_exponential_bucket_histogram',
        'explicit_bucket_histogram',
      ]) {
        const directory = join(root, `${temporality}-${histogramAggregation}`);
        mkdirSync(directory);
        await measures(modules, { directory, temporality, histogramAggregation });
      }
    }
    await worksInAnySdk(modules, root);
    registers(modules, root);
    ends(modules, root);
  });

/** Measures with all seven instruments over several exports; totals must be what was measured. */
async function measures({ metrics, analyze, otel, api }, options) {
  const handle = otel.startMetrics({ agent: 7, intervalMs: 3_600_000, flushOnSignal: false, ...options });
  check(() => assert.equal(handle.registered, true));
  const meter = api.getMeter('matrix');
  const counter = meter.createCounter('counter');
  const upDown = meter.createUpDownCounter('up_down');
  const gauge = meter.createGauge('gauge');
  const histogram = meter.createHistogram('histogram');
  let observed = 0;
  meter.createObservableCounter('o_counter').addCallback((result) => result.observe(observed * 10));
  meter
    .createObservableUpDownCounter('o_up_down')
    .addCallback(async (result) => result.observe(100 - observed));
  meter.createObservableGauge('o_gauge').addCallback((result) => result.observe(observed * 2));
  for (observed = 1; observed <= ROUNDS; observed += 1) {
    counter.add(3, { phase: 'plan' });
    counter.add(4, { phase: 'code' });
    upDown.add(observed % 2 === 0 ? -1 : 2);
    gauge.record(observed);
    for (const value of [1, 10, 100]) histogram.record(value);
    await handle.forceFlush();
  }
  observed = ROUNDS;
  await handle.shutdown();
  check(() => assert.deepEqual(handle.exporter.stats().dropped, {}));
  const { directory } = options;
  const records = [...metrics.readRecords({ directory })];
  const total = (name) =>
    totalOf(
      records.filter(({ metric }) => metric === name),
      ({ value }) => value,
    );
  check(() => assert.equal(total('counter'), 7 * ROUNDS));
  check(() => assert.equal(total('o_counter'), 10 * ROUNDS));
  check(() => assert.equal(last(records, 'up_down').value, 2 * 3 - 2));
  check(() => assert.equal(last(records, 'o_up_down').value, 100 - ROUNDS));
  check(() => assert.equal(last(records, 'gauge').value, ROUNDS));
  check(() => assert.equal(last(records, 'o_gauge').value, 2 * ROUNDS));
  const histograms = records.filter(({ metric }) => metric === 'histogram');
  check(() =>
    assert.equal(
      totalOf(histograms, ({ count }) => count),
      3 * ROUNDS,
    ),
  );
  check(() =>
    assert.equal(
      totalOf(histograms, ({ sum }) => sum),
      111 * ROUNDS,
    ),
  );
  check(() => assert.ok(records.some(({ metric }) => metric === 'target_info')));
  check(() => assert.ok(Object.keys(analyze).length > 0));
}

/** Deltas are added; of totals the last of each series counts. */
function totalOf(records, of) {
  const streams = new Map();
  for (const record of records) {
    const key = JSON.stringify(record.attributes ?? {});
    const before = record.temporality === 'cumulative' ? 0 : (streams.get(key) ?? 0);
    streams.set(key, before + of(record));
  }
  return [...streams.values()].reduce((sum, value) => sum + value, 0);
}

function last(records, name) {
  return records.findLast(({ metric }) => metric === name);
}

/** The exporter alone, in a provider that the user made. */
async function worksInAnySdk({ metrics, otel, MeterProvider, PeriodicExportingMetricReader }, root) {
  const directory = join(root, 'sdk');
  mkdirSync(directory);
  const exporter = new otel.ShardMetricExporter({ directory, agent: 'own' });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter('own').createCounter('own').add(5);
  await provider.forceFlush();
  provider.getMeter('own').createCounter('own').add(6);
  await provider.shutdown();
  const own = [...metrics.readRecords({ directory })].filter(({ metric }) => metric === 'own');
  check(() =>
    assert.equal(
      totalOf(own, ({ value }) => value),
      11,
    ),
  );
}

/** `--import` and `--require` of register. */
function registers({ metrics }, root) {
  const source = `require('@opentelemetry/api').metrics.getMeter('m').createCounter('registered').add(8);`;
  const file = join(process.cwd(), 'registered.cjs');
  writeFileSync(file, source);
  for (const flag of ['--import', '--require']) {
    const directory = join(root, `register${flag}`);
    mkdirSync(directory);
    const env = { ...process.env, CFN_METRICS_DIR: directory };
    const output = execFileSync(process.execPath, [flag, 'cfn-metrics/register', file], { env });
    check(() => assert.equal(String(output), ''));
    const [record] = [...metrics.readRecords({ directory })].filter(({ metric }) => metric === 'registered');
    check(() => assert.equal(record.value, 8));
  }
}

/** The last values are stored however the process ends, and how it ends is left alone. */
function ends({ metrics }, root) {
  const endings = {
    natural: ['', 0, null],
    exit: ['process.exit(3);', 3, null],
    throw: ["throw new Error('on purpose');", 1, null],
    async: ['(async () => { await 1; process.exit(4); })();', 4, null],
    SIGTERM: ["process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60_000);", null, 'SIGTERM'],
    SIGINT: ["process.kill(process.pid, 'SIGINT'); setTimeout(() => {}, 60_000);", null, 'SIGINT'],
  };
  for (const [name, [end, code, killedBy]] of Object.entries(endings)) {
    const directory = join(root, `end-${name}`);
    mkdirSync(directory);
    const file = join(process.cwd(), 'ending.cjs');
    writeFileSync(
      file,
      `const { metrics } = require('@opentelemetry/api');
      require('cfn-metrics/otel').startMetrics({ agent: 1 });
      const meter = metrics.getMeter('m');
      meter.createCounter('ending').add(9);
      meter.createObservableGauge('seen').addCallback((result) => result.observe(1));
      ${end}`,
    );
    const env = { ...process.env, CFN_METRICS_DIR: directory };
    const { status, signal } = spawnSync(process.execPath, [file], { env, timeout: 30_000 });
    check(() => assert.deepEqual([status, signal], [code, killedBy], name));
    const records = [...metrics.readRecords({ directory })];
    check(() => assert.equal(records.filter(({ metric }) => metric === 'ending')[0]?.value, 9, name));
    // a natural end has two: when the event loop is empty, and when the process ends
    check(() => assert.equal(last(records, 'seen')?.value, 1, name));
  }
}
