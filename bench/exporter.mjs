#!/usr/bin/env node
// What does it cost to export a point? One batch of 1,000 points of all kinds, exported to real files beside
// JsonMetricsSerializer of @opentelemetry/otlp-transformer, which makes the same batch a request in memory and
// stores nothing.
//
//   node bench/exporter.mjs [--json] [--rounds N]
import { existsSync, mkdtempSync, rmSync, truncateSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { ShardMetricExporter } from 'cfn-metrics/otel';
import { interleave, machine, median, ratio, report } from './rounds.mjs';

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '500' } },
});
const rounds = Number(flags.rounds);

class ManualReader extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

/** 300 counters, 100 up-down counters, 300 gauges, 200 exponential and 100 explicit histograms, 3 attributes each. */
async function batch(exporter) {
  const reader = new ManualReader({
    aggregationSelector: (kind) => exporter.selectAggregation(kind),
    aggregationTemporalitySelector: (kind) => exporter.selectAggregationTemporality(kind),
  });
  const views = [
    { instrumentName: 'explicit_*', aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM } },
  ];
  const meter = new MeterProvider({ readers: [reader], views }).getMeter('bench', '1.0.0');
  const random = generator(42);
  const attributes = (i) => ({
    'task.kind': `kind-${i % 100}`,
    attempt: Math.floor(i / 100),
    cached: i % 2 === 0,
  });
  const kinds = [
    [
      3,
      (name) => meter.createCounter(name, { unit: '{task}' }),
      (it, at) => it.add(1 + Math.floor(random() * 1000), at),
    ],
    [1, (name) => meter.createUpDownCounter(name), (it, at) => it.add(Math.round(random() * 100 - 50), at)],
    [3, (name) => meter.createGauge(name, { unit: 'MB' }), (it, at) => it.record(random() * 4096, at)],
    [2, (name) => meter.createHistogram(name, { unit: 'ms' }), measureMany],
    [1, (name) => meter.createHistogram(`explicit_${name}`, { unit: 'ms' }), measureMany],
  ];
  kinds.forEach(([instruments, create, record], kind) => {
    for (let n = 0; n < instruments; n += 1) {
      const instrument = create(`bench_metric_${kind}_${n}`);
      for (let i = 0; i < 100; i += 1) record(instrument, attributes(i));
    }
  });
  function measureMany(histogram, at) {
    for (let i = 0; i < 50; i += 1) histogram.record(Math.exp(random() * 3 + 3), at);
  }
  const { resourceMetrics } = await reader.collect();
  return resourceMetrics;
}

/** mulberry32: the same batch each time */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cfn-bench-'));
try {
  const exporter = new ShardMetricExporter({ agent: 42, directory });
  const metrics = await batch(exporter);
  const points = metrics.scopeMetrics.flatMap((scope) =>
    scope.metrics.flatMap((metric) => metric.dataPoints),
  );
  let failures = 0;
  const times = interleave(
    {
      'export() into files': () => exporter.export(metrics, ({ code }) => (failures += code)),
      JsonMetricsSerializer: () => JsonMetricsSerializer.serializeRequest(metrics),
    },
    {
      operations: points.length,
      rounds,
      after: () => {
        for (const name of readdirSync(directory)) truncateSync(join(directory, name));
      },
    },
  );
  const { stored, dropped } = exporter.stats();
  await exporter.shutdown();
  if (failures > 0 || Object.keys(dropped).length > 0 || stored < points.length * rounds) {
    throw new Error('not everything was stored');
  }

  const [ours, theirs] = Object.values(times);
  const result = {
    bench: 'exporter',
    machine: machine(),
    points: points.length,
    rounds,
    microsecondsAPoint: { export: summary(ours), JsonMetricsSerializer: summary(theirs) },
    ratio: ratio(ours, theirs),
  };
  if (flags.json) {
    console.log(JSON.stringify(result));
  } else {
    console.log(`${points.length} points of all kinds, ${rounds} rounds, ${machine()}`);
    report(times, 'JsonMetricsSerializer', 'µs a point');
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (quantile) => sorted[Math.round((sorted.length - 1) * quantile)];
  return { median: median(values), p10: at(0.1), p90: at(0.9) };
}
