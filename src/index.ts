export type { Attributes, AttributeValue } from './attributes.js';
export type { ErrorListener } from './diagnostics.js';
export { ERROR_CODES, type ErrorCode, MetricsError } from './errors.js';
export { MetricsBridge } from './otel/bridge.js';
export { parseRecord } from './parse.js';
export type { RecordSeries, RecordSink } from './points.js';
export {
  type ExponentialBuckets,
  formatRecord,
  type MetricRecord,
  RECORD_TYPES,
  type RecordType,
} from './record.js';
export {
  type Counter,
  type Durability,
  DURABILITIES,
  type EmitOptions,
  type EmitterOptions,
  type EmitterStats,
  type Gauge,
  type SeriesOptions,
} from './store/emitter-options.js';
export { createEmitter, Emitter } from './store/emitter.js';
export { type ReadCounts, type ReadOptions, readRecords, RecordReader } from './store/reader.js';
export type { LineCounts } from './store/lines.js';
export type { FilePosition, Position } from './store/position.js';
export type { UnreadableFile } from './store/segments.js';
export { followRecords, Tail, type TailBatch } from './store/tail.js';
export type { TailOptions } from './store/tail-options.js';
