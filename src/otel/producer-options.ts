import type { Resource } from '@opentelemetry/resources';
import { MetricsError } from '../errors.js';
import { integerOption, shown, wordOption } from '../options.js';

/**
 * Whether a producer gives one series for each agent, or adds the agents up.
 *
 * @public
 */
export const PRODUCER_VIEWS = ['agent', 'host'] as const;

/**
 * One of {@link PRODUCER_VIEWS}.
 *
 * @public
 */
export type ProducerView = (typeof PRODUCER_VIEWS)[number];

/**
 * What becomes of the gauges of many agents where they are one series.
 *
 * @public
 */
export const GAUGE_RULES = ['mean', 'min', 'max', 'sum'] as const;

/**
 * One of {@link GAUGE_RULES}.
 *
 * @public
 */
export type GaugeRule = (typeof GAUGE_RULES)[number];

/**
 * Whether a producer gives totals, or what was added since it was asked the last time.
 *
 * @public
 */
export const PRODUCER_TEMPORALITIES = ['cumulative', 'delta'] as const;

/**
 * One of {@link PRODUCER_TEMPORALITIES}.
 *
 * @public
 */
export type ProducerTemporality = (typeof PRODUCER_TEMPORALITIES)[number];

/**
 * What a {@link ShardMetricProducer} can be told; every field is optional.
 *
 * @public
 */
export interface ShardMetricProducerOptions {
  /**
   * Directory of the shards. A named directory that is missing is an error of each collection, until it is there.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * `agent` gives each agent its own series, with the attribute `agent.id`; `host` adds counters and histograms up over
   * all agents, and treats gauges as `gauges` says.
   *
   * @defaultValue `'agent'`
   */
  readonly per?: ProducerView | undefined;
  /**
   * With `per: 'host'`, the rule for the gauges of each metric; that of the key `*` is for all others. An agent whose
   * value is NaN is left out.
   *
   * @defaultValue `{ '*': 'mean' }`
   */
  readonly gauges?: Readonly<Record<string, GaugeRule>> | undefined;
  /**
   * `cumulative` gives totals, and any number of readers may ask. `delta` gives what was added since it was asked the
   * last time, so that each reader needs a producer of its own; it begins with what comes after its first collection, unless a
   * snapshot says where it was.
   *
   * @defaultValue `'cumulative'`
   */
  readonly temporality?: ProducerTemporality | undefined;
  /**
   * File in which the totals are kept, together with how far the shards were read: so that counters go on where they
   * were after a restart, and nothing is counted twice. One file for one producer: that of another directory or view is
   * not used, which the errors of collections tell until it is replaced.
   *
   * @defaultValue none: after a restart all that the shards still hold is counted
   */
  readonly snapshotFile?: string | undefined;
  /**
   * Milliseconds between two snapshots, at least 100. What was read since the last one is read again after a crash.
   *
   * @defaultValue 30,000
   */
  readonly snapshotMs?: number | undefined;
  /**
   * How old the last value of a gauge may be, in milliseconds. An older one is not given any longer.
   *
   * @defaultValue 300,000
   */
  readonly gaugeMaxAgeMs?: number | undefined;
  /**
   * How many series are kept apart, 1 to 1,000,000. Further ones are added up in one of their metric, with the attribute
   * `otel.metric.overflow`.
   *
   * @defaultValue 20,000
   */
  readonly maxSeries?: number | undefined;
  /**
   * Where room for new series is needed: how long a counter or histogram did not grow, in milliseconds, before it is
   * added to the overflow series of its metric.
   *
   * @defaultValue 3,600,000
   */
  readonly idleMs?: number | undefined;
  /**
   * Milliseconds between two looks at the shards, 10 to 60,000. A collection always looks itself as well, so that this
   * only spreads the work.
   *
   * @defaultValue 1000
   */
  readonly pollMs?: number | undefined;
  /**
   * How long a collection may take that was given no `timeoutMillis`, in milliseconds.
   *
   * @defaultValue 10,000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Resource of what is produced. A reader that has a `MeterProvider` puts its own in its place.
   *
   * @defaultValue one without attributes
   */
  readonly resource?: Resource | undefined;
}

/**
 * What a {@link ShardMetricProducer} came across.
 *
 * @public
 */
export interface ProducerStats {
  /** Records that were read. */
  readonly records: number;
  /** Records that were cut off: their writer was killed, or the file system was full. */
  readonly torn: number;
  /** Lines that are no record at all. */
  readonly foreign: number;
  /** Files that cannot be read now. */
  readonly unreadable: number;
  /**
   * Points that were not added: of a counter that fell, or whose value or total would be no number; of more metrics than
   * series may be; and those with which a cumulative stream came back after it was forgotten for twice as many younger ones.
   */
  readonly refused: number;
  /** Series that are kept apart. */
  readonly series: number;
  /** Points that were added to an overflow series. */
  readonly overflowed: number;
  /** Series that were added to an overflow series because they were idle and room was needed. */
  readonly folded: number;
  /** How long ago the look at the shards began that all of it is from, in milliseconds; null before the first. */
  readonly lagMs: number | null;
}

/** The options of a producer with its defaults filled in. */
export interface ProducerSettings {
  readonly directory: string | undefined;
  readonly per: ProducerView;
  readonly gauges: ReadonlyMap<string, GaugeRule>;
  readonly temporality: ProducerTemporality;
  readonly snapshotFile: string | undefined;
  readonly snapshotMs: number;
  readonly gaugeMaxAgeMs: number;
  readonly maxSeries: number;
  readonly idleMs: number;
  readonly pollMs: number;
  readonly timeoutMs: number;
}

/**
 * Reads the options of a producer.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad.
 */
export function producerSettings(options: ShardMetricProducerOptions): ProducerSettings {
  return {
    directory: options.directory,
    per: wordOption('per', options.per, 'agent', PRODUCER_VIEWS),
    gauges: gaugeRules(options.gauges),
    temporality: wordOption('temporality', options.temporality, 'cumulative', PRODUCER_TEMPORALITIES),
    snapshotFile: pathOption('snapshotFile', options.snapshotFile),
    snapshotMs: integerOption('snapshotMs', options.snapshotMs, 30_000, { min: 100 }),
    gaugeMaxAgeMs: integerOption('gaugeMaxAgeMs', options.gaugeMaxAgeMs, 300_000, { min: 1 }),
    maxSeries: integerOption('maxSeries', options.maxSeries, 20_000, { min: 1, max: 1_000_000 }),
    idleMs: integerOption('idleMs', options.idleMs, 3_600_000, { min: 0 }),
    pollMs: integerOption('pollMs', options.pollMs, 1000, { min: 10, max: 60_000 }),
    timeoutMs: integerOption('timeoutMs', options.timeoutMs, 10_000, { min: 1, max: 2 ** 31 - 1 }),
  };
}

function gaugeRules(rules: unknown): ReadonlyMap<string, GaugeRule> {
  if (rules === undefined) return new Map();
  if (typeof rules !== 'object' || rules === null) throw bad(`gauges must be an object, got ${shown(rules)}`);
  return new Map(
    Object.entries(rules).map(([metric, rule]) => [
      metric,
      wordOption(`gauges[${shown(metric)}]`, rule as unknown, 'mean', GAUGE_RULES),
    ]),
  );
}

function pathOption(name: string, path: unknown): string | undefined {
  if (path === undefined || (typeof path === 'string' && path !== '')) return path;
  throw bad(`${name} must be a path, got ${shown(path)}`);
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
