import type { Attributes as OtelAttributes } from '@opentelemetry/api';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  DataPointType,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics';
import { onTestFinished } from 'vitest';
import type { MetricRecord } from '../../src/record.js';
import { storedRecords } from '../support/files.js';

/** A provider whose only reader exports when it is flushed. */
export function provide(
  exporter: PushMetricExporter,
  options: { resource?: Resource; views?: ViewOptions[]; batch?: number } = {},
): MeterProvider {
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 3_600_000,
    ...(options.batch === undefined ? {} : { maxExportBatchSize: options.batch }),
  });
  const provider = new MeterProvider({
    readers: [reader],
    resource: options.resource ?? resourceFromAttributes({}),
    views: options.views ?? [],
  });
  onTestFinished(() => provider.shutdown());
  return provider;
}

/** All records but those on resources. */
export function points(directory: string): MetricRecord[] {
  return storedRecords(directory).filter(({ metric }) => metric !== 'target_info');
}

/** Those on resources. */
export function resources(directory: string): MetricRecord[] {
  return storedRecords(directory).filter(({ metric }) => metric === 'target_info');
}

/** Exports, and gives what the callback was told. */
export function exported(
  exporter: PushMetricExporter,
  metrics: ResourceMetrics,
): { code: number; error?: Error }[] {
  const results: { code: number; error?: Error }[] = [];
  exporter.export(metrics, (result) => results.push(result));
  return results;
}

/** A batch by hand, as a producer may make one. */
export function batchOf(...metrics: object[]): ResourceMetrics {
  return {
    resource: resourceFromAttributes({}),
    scopeMetrics: [{ scope: { name: 'test' }, metrics: metrics as MetricData[] }],
  };
}

/** A gauge with one point. */
export function gaugeOf(
  name: string,
  value: unknown,
  attributes: object = {},
  endTime = hrTime(Date.now()),
): object {
  return {
    descriptor: { name, description: '', unit: '', valueType: 1 },
    aggregationTemporality: 0,
    dataPointType: DataPointType.GAUGE,
    dataPoints: [{ startTime: endTime, endTime, attributes: attributes as OtelAttributes, value }],
  };
}

export function hrTime(time: number): [number, number] {
  return [Math.floor(time / 1000), (time % 1000) * 1e6];
}
