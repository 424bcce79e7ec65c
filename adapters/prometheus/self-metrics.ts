import type { MetricData, MetricProducer } from '@opentelemetry/sdk-metrics';
import type { ProducerStats } from '../../src/otel/producer-options.js';
import { CUMULATIVE, DOUBLE, GAUGE, SUM } from '../../src/otel/sdk-enums.js';
import { OMISSIONS, type Omission } from './families.js';

const START: [number, number] = [0, 0];

type Value = readonly [value: number, attributes?: Readonly<Record<string, string>>];

/** Counts what this adapter does, and tells it as metrics. */
export class SelfMetrics {
  readonly #scrapes = new Map<number, number>([[200, 0]]);
  #seconds = 0;

  /** Counts a scrape that was answered. */
  count(status: number, seconds: number): void {
    this.#scrapes.set(status, (this.#scrapes.get(status) ?? 0) + 1);
    if (status === 200) this.#seconds = seconds;
  }

  /** The metrics, with those of the producer where it counts. */
  metrics(producer: MetricProducer, omitted: Readonly<Record<Omission, number>>): MetricData[] {
    const stats = statsOf(producer);
    return [
      counter('scrapes', 'Scrapes that were answered, by status.', ...this.#byStatus()),
      gauge('scrape_duration_seconds', 'How long the last scrape took.', [this.#seconds]),
      gauge(
        'points_omitted',
        'Points of the last scrape that Prometheus could not have told apart from others.',
        ...OMISSIONS.map((reason): Value => [omitted[reason], { reason }]),
      ),
      ...(stats === undefined ? [] : producerMetrics(stats)),
    ];
  }

  #byStatus(): Value[] {
    return [...this.#scrapes].map(([code, scrapes]): Value => [scrapes, { code: String(code) }]);
  }
}

function producerMetrics(stats: ProducerStats): MetricData[] {
  const { lagMs, records, torn, foreign, unreadable, refused, series, overflowed, folded } = stats;
  return [
    gauge('lag_seconds', 'Age of what is shown.', [lagMs === null ? NaN : lagMs / 1000]),
    counter('records', 'Records that were read.', [records]),
    counter('records_torn', 'Records that were cut off.', [torn]),
    counter('lines_foreign', 'Lines that are no record.', [foreign]),
    gauge('files_unreadable', 'Files that cannot be read now.', [unreadable]),
    counter('points_refused', 'Points that could not be added.', [refused]),
    gauge('series', 'Series that are kept apart.', [series]),
    counter('points_overflowed', 'Points that were added to an overflow series.', [overflowed]),
    counter('series_folded', 'Idle series that were added to an overflow series.', [folded]),
  ];
}

function statsOf(producer: MetricProducer): ProducerStats | undefined {
  const { stats } = producer as { stats?: unknown };
  return typeof stats === 'function' ? (stats.call(producer) as ProducerStats) : undefined;
}

function counter(name: string, description: string, ...values: Value[]): MetricData {
  return metric(name, description, { dataPointType: SUM, isMonotonic: true }, values);
}

function gauge(name: string, description: string, ...values: Value[]): MetricData {
  return metric(name, description, { dataPointType: GAUGE }, values);
}

function metric(name: string, description: string, kind: object, values: Value[]): MetricData {
  return {
    descriptor: { name: `exporter.${name}`, description, unit: '', valueType: DOUBLE },
    aggregationTemporality: CUMULATIVE,
    ...kind,
    dataPoints: values.map(([value, attributes = {}]) => ({
      value,
      attributes,
      startTime: START,
      endTime: START,
    })),
  } as unknown as MetricData;
}
