import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, AggregationType, InstrumentType } from '@opentelemetry/sdk-metrics';
import { expect, it, vi } from 'vitest';
import { ShardMetricExporter, type TemporalityPreference } from '../../src/otel/index.js';
import { temporaryDirectory } from '../support/directory.js';
import { points, provide } from './support.js';

const TEMPORALITY = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
const HISTOGRAMS = 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION';
const { DELTA, CUMULATIVE } = AggregationTemporality;

const table: [InstrumentType, Record<TemporalityPreference, AggregationTemporality>][] = [
  [InstrumentType.COUNTER, { delta: DELTA, cumulative: CUMULATIVE, lowmemory: DELTA }],
  [InstrumentType.OBSERVABLE_COUNTER, { delta: DELTA, cumulative: CUMULATIVE, lowmemory: CUMULATIVE }],
  [InstrumentType.HISTOGRAM, { delta: DELTA, cumulative: CUMULATIVE, lowmemory: DELTA }],
  [InstrumentType.UP_DOWN_COUNTER, { delta: CUMULATIVE, cumulative: CUMULATIVE, lowmemory: CUMULATIVE }],
  [
    InstrumentType.OBSERVABLE_UP_DOWN_COUNTER,
    { delta: CUMULATIVE, cumulative: CUMULATIVE, lowmemory: CUMULATIVE },
  ],
  [InstrumentType.GAUGE, { delta: DELTA, cumulative: CUMULATIVE, lowmemory: DELTA }],
  [InstrumentType.OBSERVABLE_GAUGE, { delta: DELTA, cumulative: CUMULATIVE, lowmemory: DELTA }],
];

it.each(table)('chooses the temporality of %s', (kind, expected) => {
  for (const [temporality, chosen] of Object.entries(expected)) {
    const option = new ShardMetricExporter({ temporality: temporality as TemporalityPreference });
    expect(option.selectAggregationTemporality(kind)).toBe(chosen);
    vi.stubEnv(TEMPORALITY, temporality.toUpperCase());
    expect(new ShardMetricExporter().selectAggregationTemporality(kind)).toBe(chosen);
  }
});

it('prefers low memory by default, and an option to the environment', () => {
  vi.stubEnv(TEMPORALITY, '');
  expect(new ShardMetricExporter().selectAggregationTemporality(InstrumentType.OBSERVABLE_COUNTER)).toBe(
    CUMULATIVE,
  );
  expect(new ShardMetricExporter().selectAggregationTemporality(InstrumentType.COUNTER)).toBe(DELTA);
  vi.stubEnv(TEMPORALITY, 'cumulative');
  const exporter = new ShardMetricExporter({ temporality: 'delta' });
  expect(exporter.selectAggregationTemporality(InstrumentType.COUNTER)).toBe(DELTA);
});

it('makes histograms exponential with 160 buckets unless told otherwise, and nothing else', () => {
  const exponential = {
    type: AggregationType.EXPONENTIAL_HISTOGRAM,
    options: { recordMinMax: true, maxSize: 160 },
  };
  const standard = { type: AggregationType.DEFAULT };
  const choice = (exporter: ShardMetricExporter, kind: InstrumentType) => exporter.selectAggregation(kind);
  expect(choice(new ShardMetricExporter(), InstrumentType.HISTOGRAM)).toEqual(exponential);
  expect(choice(new ShardMetricExporter(), InstrumentType.COUNTER)).toEqual(standard);
  vi.stubEnv(HISTOGRAMS, 'explicit_bucket_histogram');
  expect(choice(new ShardMetricExporter(), InstrumentType.HISTOGRAM)).toEqual(standard);
  const option = new ShardMetricExporter({ histogramAggregation: 'base2_exponential_bucket_histogram' });
  expect(choice(option, InstrumentType.HISTOGRAM)).toEqual(exponential);
});

it('takes the advice of an instrument on its buckets where histograms are explicit', async () => {
  const directory = temporaryDirectory();
  const exporter = new ShardMetricExporter({ directory, histogramAggregation: 'explicit_bucket_histogram' });
  const provider = provide(exporter);
  const advice = { explicitBucketBoundaries: [1, 2, 3] };
  provider.getMeter('test').createHistogram('latency', { advice }).record(2.5);
  await provider.forceFlush();
  expect(points(directory)).toMatchObject([{ type: 'histogram', bounds: [1, 2, 3], counts: [0, 0, 1, 0] }]);
});

it('marks totals as cumulative', async () => {
  const directory = temporaryDirectory();
  const provider = provide(new ShardMetricExporter({ directory, temporality: 'cumulative' }));
  const counter = provider.getMeter('test').createCounter('jobs');
  for (const value of [1, 2]) {
    counter.add(value);
    await provider.forceFlush();
  }
  const [first, second] = points(directory);
  expect([first!.value, second!.value]).toEqual([1, 3]);
  expect([first!.temporality, second!.temporality]).toEqual(['cumulative', 'cumulative']);
  expect(second!.start).toBe(first!.start);
});

it.each([
  [TEMPORALITY, 'deltas', 'must be one of delta, cumulative, lowmemory, got "deltas"; it is ignored'],
  [
    HISTOGRAMS,
    'x',
    'must be one of base2_exponential_bucket_histogram, explicit_bucket_histogram, got "x"; it is ignored',
  ],
  ['CFN_METRICS_SHARDS', '-1', 'must be a whole number from 1 to 1024, got "-1"; it is ignored'],
  ['CFN_AGENT_ID', 'a\u0000', 'is no agent: agent must be 1 to 128 characters without control characters'],
])('reports and ignores a bad %s', async (name, value, message) => {
  vi.stubEnv(name, value.replace('\u0000', '\u0001'));
  const directory = temporaryDirectory();
  const onError = vi.fn();
  const exporter = new ShardMetricExporter({ directory, onError });
  expect(onError).toHaveBeenCalledOnce();
  expect(onError.mock.calls[0]![0]).toMatchObject({ code: 'ERR_METRICS_OPTION' });
  expect(onError.mock.calls[0]![0].message).toContain(`${name} ${message}`);
  const provider = provide(exporter, { resource: resourceFromAttributes({ 'service.instance.id': '5' }) });
  provider.getMeter('test').createCounter('jobs').add(1);
  await provider.forceFlush();
  expect(points(directory)).toMatchObject([{ agent: 'agent-5', value: 1 }]);
});

it.each([
  [{ temporality: 'deltas' }, 'temporality must be one of delta, cumulative, lowmemory, got "deltas"'],
  [{ histogramAggregation: '' }, 'histogramAggregation must be one of'],
  [{ shards: 0 }, 'shards must be a whole number from 1 to 1024, got 0'],
  [{ maxQueueBytes: 1 }, 'maxQueueBytes must be a whole number of at least 65536, got 1'],
  [{ agent: '' }, 'agent must be 1 to 128 characters without control characters, got ""'],
])('throws at a bad option: %j', (options, message) => {
  expect(() => new ShardMetricExporter(options as object)).toThrow(message);
});
