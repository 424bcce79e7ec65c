import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CollectionResult, DataPoint, MetricData } from '@opentelemetry/sdk-metrics';
import { onTestFinished } from 'vitest';
import { ShardMetricProducer } from '../../src/otel/producer.js';
import type { ShardMetricProducerOptions } from '../../src/otel/producer-options.js';
import { formatRecord, type MetricRecord } from '../../src/record.js';

/** A producer that is shut down when the test ends. */
export function produce(options: ShardMetricProducerOptions): ShardMetricProducer {
  const producer = new ShardMetricProducer({ pollMs: 60_000, ...options });
  onTestFinished(() => producer.shutdown());
  return producer;
}

/** Appends records to a shard, as a writer would. */
export function store(directory: string, ...records: Partial<MetricRecord>[]): void {
  const lines = records.map((record) =>
    formatRecord({ time: Date.now(), agent: 'agent-1', metric: 'm', value: 1, ...record }),
  );
  appendFileSync(join(directory, 'cfn-metrics-0.jsonl'), lines.join(''));
}

/** The metric of a name that was collected. */
export function metricNamed({ resourceMetrics }: CollectionResult, name: string): MetricData | undefined {
  return resourceMetrics.scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .find(({ descriptor }) => descriptor.name === name);
}

/** Its points. */
export function pointsOf(result: CollectionResult, name: string): DataPoint<unknown>[] {
  return metricNamed(result, name)?.dataPoints ?? [];
}

/** Its values, by agent. */
export function valuesOf(result: CollectionResult, name: string): Record<string, unknown> {
  return Object.fromEntries(
    pointsOf(result, name).map(({ attributes, value }) => [String(attributes['agent.id']), value]),
  );
}
