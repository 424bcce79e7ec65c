import type { CollectionResult, MetricProducer, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { MetricsError } from '../errors.js';
import { metricDataOf } from './cumulative-points.js';
import {
  type ProducerSettings,
  producerSettings,
  type ProducerStats,
  type ShardMetricProducerOptions,
} from './producer-options.js';
import { ShardFollower } from './shard-follower.js';

/** The one scope of all that is produced. */
const SCOPE = { name: 'cfn-metrics' };

/**
 * Produces the metrics of the whole host for any OpenTelemetry reader: what all agents wrote to the shards, as totals
 * that never fall, whatever agents restart, die or idle meanwhile.
 *
 * @remarks
 * Deltas are added, by agent and attributes; a cumulative point counts by its difference to the one before it of the
 * same writer and start. Histograms of one series are merged without loss: explicit ones at the bounds that all of
 * them have, exponential ones at the lowest scale. Gauges keep their last value until it is too old; the counters of
 * dead agents stay. The agent is the attribute `agent.id` of a point and the instrumentation scope of its record
 * `otel.scope.name`; all points are in one scope, `cfn-metrics`, so that no exporter sees one name twice.
 *
 * A collection reads what is new in the shards, and so gives all that was stored when it began. It follows the shards
 * in the background from the first collection until {@link ShardMetricProducer.shutdown}, without keeping the process
 * alive. For SDK 2 and 3, of which it needs the types alone.
 *
 * @public
 */
export class ShardMetricProducer implements MetricProducer {
  readonly #settings: ProducerSettings;
  readonly #resource: ResourceMetrics['resource'];
  readonly #follower: ShardFollower;
  #collectedAt: number;
  #down: Promise<void> | undefined;

  /**
   * Makes a producer. No file is touched before the first collection.
   *
   * @param options - Where the shards are, and in which form their metrics are wanted.
   * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad.
   */
  constructor(options: ShardMetricProducerOptions = {}) {
    this.#settings = producerSettings(options);
    this.#resource = options.resource ?? emptyResource();
    const from = this.#settings.temporality === 'delta' ? 'end' : 'start';
    this.#follower = new ShardFollower({ ...this.#settings, from });
    this.#collectedAt = Date.now();
  }

  /**
   * Gives the metrics of the host.
   *
   * @param options - `timeoutMillis`: how long it may take.
   * @returns A promise that never rejects, and is done within the time. `errors` says what is missing: a directory that
   * is not there, shards that could not be read to their end in time (the metrics are then those of what was read; before
   * the first time that all was read there are none, since totals that are still being read would look like growth), a
   * snapshot that cannot be saved or is of another directory or view, and `ERR_METRICS_CLOSED` after `shutdown`.
   */
  async collect(options?: { readonly timeoutMillis?: number }): Promise<CollectionResult> {
    const errors: unknown[] = [];
    try {
      if (this.#down !== undefined) {
        errors.push(new MetricsError('ERR_METRICS_CLOSED', 'the producer is shut down'));
        return this.#result([], errors);
      }
      await this.#catchUp(options?.timeoutMillis ?? this.#settings.timeoutMs, errors);
      if (this.#follower.trouble !== undefined) errors.push(this.#follower.trouble);
      return this.#result(this.#follower.lagMs === null ? [] : this.#metrics(), errors);
    } catch (error) {
      return this.#result([], [...errors, error]);
    }
  }

  /** Counts what was read so far. */
  stats(): ProducerStats {
    const { state, counts, lagMs } = this.#follower;
    const { refused, size, overflowed, folded } = state;
    return { ...counts, refused, series: size, overflowed, folded, lagMs };
  }

  /**
   * Stops following, saves a snapshot where there is a file for it, and closes the files.
   *
   * @returns The same promise each time; it never rejects.
   */
  shutdown(): Promise<void> {
    this.#down ??= this.#follower.close();
    return this.#down;
  }

  async #catchUp(timeoutMs: number, errors: unknown[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<MetricsError>((resolve) => {
      const late = `the shards could not be read to their end within ${timeoutMs} ms`;
      timer = setTimeout(() => resolve(new MetricsError('ERR_METRICS_STORE', late)), timeoutMs);
    });
    try {
      const error = await Promise.race([this.#follower.catchUp(), timeout]);
      if (error !== undefined) errors.push(error);
    } catch (error) {
      errors.push(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #metrics(): ReturnType<typeof metricDataOf> {
    const now = Date.now();
    const { per, gauges, temporality, gaugeMaxAgeMs } = this.#settings;
    const delta = temporality === 'delta';
    this.#follower.state.expire(now);
    const metrics = metricDataOf(this.#follower.state, {
      now,
      since: delta ? this.#collectedAt : undefined,
      gaugeMaxAgeMs,
      gaugeRules: per === 'host' ? gauges : undefined,
    });
    this.#collectedAt = now;
    return metrics;
  }

  #result(metrics: ReturnType<typeof metricDataOf>, errors: unknown[]): CollectionResult {
    const scopeMetrics = metrics.length === 0 ? [] : [{ scope: SCOPE, metrics }];
    return { resourceMetrics: { resource: this.#resource, scopeMetrics }, errors };
  }
}

/** A resource without attributes: what the SDK's own has no constructor for that could be had without importing it. */
function emptyResource(): ResourceMetrics['resource'] {
  const resource = {
    attributes: {},
    asyncAttributesPending: false,
    getRawAttributes: () => [],
    merge: (other: unknown) => other ?? resource,
  };
  return resource as unknown as ResourceMetrics['resource'];
}
