import type { ErrorListener } from '../diagnostics.js';
import type { HistogramAggregation, TemporalityPreference } from './preferences.js';

/**
 * What a {@link ShardMetricExporter} can be told; every field is optional.
 *
 * @public
 */
export interface ShardMetricExporterOptions {
  /**
   * Who a point is about that has no attribute `agent.id`: a number `42` is stored as `agent-42`.
   *
   * @defaultValue the resource's `agent.id`, else `CFN_AGENT_ID`, else the resource's `service.instance.id`, else host
   * name and pid
   */
  readonly agent?: string | number | undefined;
  /**
   * Directory of the shards. A named directory must exist.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Number of shards, 1 to 1024; all writers of a directory should agree.
   *
   * @defaultValue `CFN_METRICS_SHARDS`, else 16
   */
  readonly shards?: number | undefined;
  /**
   * Which instruments report what was added since the last time (`delta`), and which their total: `lowmemory` takes
   * deltas from counters and histograms, `delta` from observable counters too. Up-down counters report totals always.
   *
   * @defaultValue `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, else `'lowmemory'`
   */
  readonly temporality?: TemporalityPreference | undefined;
  /**
   * How histograms are kept where no view says otherwise. Exponential ones, of 160 buckets, give quantiles within
   * 2.2 % where measurements differ by up to a factor of 1,000, without anybody choosing buckets.
   *
   * @defaultValue `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, else
   * `'base2_exponential_bucket_histogram'`
   */
  readonly histogramAggregation?: HistogramAggregation | undefined;
  /**
   * How many bytes of records may wait while they cannot be stored, at least 65,536. What comes beyond it is lost, and
   * counted.
   *
   * @defaultValue 4,194,304
   */
  readonly maxQueueBytes?: number | undefined;
  /**
   * Receives each kind of trouble once, as OpenTelemetry's diagnostics logger does. It may throw; nobody hears of it.
   */
  readonly onError?: ErrorListener | undefined;
}

/**
 * What became of the records of a {@link ShardMetricExporter}.
 *
 * @public
 */
export interface ExporterStats {
  /** Records that are in their file, those that describe the resource among them. */
  readonly stored: number;
  /** Records that wait because they could not be stored yet. */
  readonly queued: number;
  /** Records that are lost, by reason: `invalid` no record can hold the point, `backlog` more waited than may. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Appends made without the lock because a stranger held it for himself. */
  readonly unlocked: number;
}
