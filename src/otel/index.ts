export { type CoordinatorInstruments, instrumentCoordinator } from './coordinator.js';
export { ShardMetricExporter } from './exporter.js';
export type { ExporterStats, ShardMetricExporterOptions } from './options.js';
export {
  HISTOGRAM_AGGREGATIONS,
  type HistogramAggregation,
  TEMPORALITY_PREFERENCES,
  type TemporalityPreference,
} from './preferences.js';
export { type MetricsHandle, startMetrics, type StartMetricsOptions } from './start.js';
export { ShardMetricProducer } from './producer.js';
export {
  GAUGE_RULES,
  type GaugeRule,
  PRODUCER_TEMPORALITIES,
  PRODUCER_VIEWS,
  type ProducerStats,
  type ProducerTemporality,
  type ProducerView,
  type ShardMetricProducerOptions,
} from './producer-options.js';
