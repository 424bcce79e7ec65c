import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  ConsoleMetricExporter,
  type MetricData,
  MeterProvider,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ShardMetricExporter } from '../../src/otel/exporter.js';
import { temporaryDirectory } from '../support/directory.js';
import {
  checkOtlpJson,
  decodeOtlp,
  type OtlpMetric,
  type OtlpPoint,
  type OtlpRequest,
} from '../support/otlp.js';
import { produce, store } from './producer-support.js';
import { provide } from './support.js';

/** A receiver of OTLP over HTTP that takes nothing but what the schema has. */
async function startReceiver() {
  const requests: { type: string; body: OtlpRequest }[] = [];
  const problems: unknown[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const bytes = Buffer.concat(chunks as Buffer[]);
      const type = request.headers['content-type'] ?? '';
      try {
        if (request.method !== 'POST' || request.url !== '/v1/metrics') throw new Error(`got ${request.url}`);
        const body =
          type === 'application/json' ? checkOtlpJson(JSON.parse(bytes.toString())) : decodeOtlp(bytes);
        requests.push({ type, body });
        response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
      } catch (error) {
        problems.push(error);
        response.writeHead(400).end();
      }
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`;
  return { url, requests, problems };
}

function read(exporter: PushMetricExporter, producer: MetricProducer): MeterProvider {
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 3_600_000,
    metricProducers: [producer],
  });
  const provider = new MeterProvider({
    readers: [reader],
    resource: resourceFromAttributes({ 'host.name': 'h' }),
  });
  onTestFinished(() => provider.shutdown());
  return provider;
}

/** Agents that use the SDK, and one that does not. */
async function agents(directory: string): Promise<void> {
  for (const agent of [1, 2]) {
    for (const temporality of ['cumulative', 'lowmemory'] as const) {
      const provider = provide(new ShardMetricExporter({ agent, directory, temporality }));
      const meter = provider.getMeter('lib');
      meter.createCounter('tasks').add(agent);
      meter.createHistogram('ms', { unit: 'ms' }).record(8);
      meter.createUpDownCounter('open').add(2);
      await provider.forceFlush();
    }
  }
  const sized = {
    metric: 'sized',
    type: 'histogram',
    count: 3,
    sum: 9,
    bounds: [5],
    counts: [2, 1],
  } as const;
  store(directory, sized);
  store(directory, {
    agent: 'bash',
    metric: 'mb',
    value: 1.5,
    unit: 'MB',
    attributes: { list: ['a', 'b'], ok: true },
  });
}

function metricsOf(body: OtlpRequest | undefined): OtlpMetric[] {
  return (body?.resourceMetrics ?? []).flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics),
  );
}

function pointsOf(metrics: readonly OtlpMetric[], name: string, kind: string): readonly OtlpPoint[] {
  const data = metrics.find((metric) => metric.name === name)?.[kind] as
    { dataPoints: OtlpPoint[] } | undefined;
  return data?.dataPoints ?? [];
}

it('feeds the console and both forms of OTLP at once, from one producer, and all of them get the same', async () => {
  const directory = temporaryDirectory();
  await agents(directory);
  const { url, requests, problems } = await startReceiver();
  const producer = produce({ directory });
  const shown: MetricData[] = [];
  vi.spyOn(console, 'dir').mockImplementation((each) => void shown.push(each as MetricData));
  const providers = [
    new ConsoleMetricExporter(),
    new ProtobufExporter({ url }),
    new JsonExporter({ url }),
  ].map((exporter) => read(exporter, producer));
  await Promise.all(providers.map((provider) => provider.forceFlush()));
  expect(problems).toEqual([]);
  const received = (type: string): OtlpMetric[] =>
    metricsOf(requests.find((request) => request.type === type)?.body);
  const json = received('application/json');
  const protobuf = received('application/x-protobuf');
  const names = ['tasks', 'ms', 'sized', 'open', 'mb'];
  for (const metrics of [json, protobuf]) {
    expect(metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  }
  expect(shown.map(({ descriptor }) => descriptor.name)).toEqual(expect.arrayContaining(names));

  // 2 is CUMULATIVE there
  expect(protobuf.find(({ name }) => name === 'tasks')).toMatchObject({
    sum: { aggregationTemporality: 2, isMonotonic: true },
  });
  for (const metrics of [json, protobuf]) {
    const values = pointsOf(metrics, 'tasks', 'sum').map(({ asDouble, attributes }) => [
      attributes.find(({ key }) => key === 'agent.id')?.value['stringValue'],
      asDouble,
    ]);
    expect(values).toEqual([
      ['agent-1', 2],
      ['agent-2', 4],
    ]);
  }
  // 8 is the upper bound of its bucket
  expect(pointsOf(protobuf, 'ms', 'exponentialHistogram')[0]).toMatchObject({
    ...{ count: 2n, sum: 16, min: 8, max: 8, positive: { bucketCounts: [2n] } },
  });
  expect(pointsOf(protobuf, 'sized', 'histogram')[0]).toMatchObject({
    ...{ count: 3n, bucketCounts: [2n, 1n], explicitBounds: [5] },
  });
  expect(pointsOf(protobuf, 'mb', 'gauge')[0]).toMatchObject({ asDouble: 1.5 });
});

it('deltas go to OTLP once each', async () => {
  const directory = temporaryDirectory();
  const { url, requests } = await startReceiver();
  const provider = read(new ProtobufExporter({ url }), produce({ directory, temporality: 'delta' }));
  await provider.forceFlush();
  for (const value of [3, 4]) {
    store(directory, { metric: 'tasks', type: 'counter', value });
    await provider.forceFlush();
  }
  await provider.forceFlush();
  const points = requests.flatMap(({ body }) => pointsOf(metricsOf(body), 'tasks', 'sum'));
  expect(points.map(({ asDouble }) => asDouble)).toEqual([3, 4]);
  expect(points[1]?.startTimeUnixNano).toBe(points[0]?.timeUnixNano);
});

it('a producer in trouble costs a reader nothing of what else it reads', async () => {
  const { url, requests } = await startReceiver();
  const provider = read(new ProtobufExporter({ url }), produce({ directory: '/nowhere/at/all' }));
  provider.getMeter('own').createCounter('own').add(1);
  await provider.forceFlush().catch(() => undefined);
  expect(requests.flatMap(({ body }) => metricsOf(body)).map(({ name }) => name)).toEqual(['own']);
});

it("OpenTelemetry's own Prometheus exporter takes it as it is", async () => {
  const directory = temporaryDirectory();
  await agents(directory);
  const reader = new PrometheusExporter({ preventServerStart: true });
  reader.setMetricProducer(produce({ directory }));
  const { resourceMetrics, errors } = await reader.collect();
  expect([errors, resourceMetrics.scopeMetrics.length]).toEqual([[], 1]);
  await reader.shutdown();
});
