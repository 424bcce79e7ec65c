import { hostname } from 'node:os';
import type { Attributes } from '../attributes.js';
import { attributesProblem } from '../attributes.js';
import { MetricsError } from '../errors.js';
import { integerOption, shown, wordOption } from '../options.js';
import { metricProblem, unitProblem } from '../record.js';
import type { Backend } from './backend.js';
import type { ForwardListener } from './events.js';
import type { Selection } from './select.js';

/**
 * What becomes of the gauges of many agents where they are one series.
 *
 * @public
 */
export const FORWARDER_GAUGE_RULES = ['mean', 'sum', 'min', 'max', 'last'] as const;

/**
 * One of {@link FORWARDER_GAUGE_RULES}.
 *
 * @public
 */
export type ForwarderGaugeRule = (typeof FORWARDER_GAUGE_RULES)[number];

/**
 * What {@link createForwarder} can be told; `backend` and `state` are needed.
 *
 * @public
 */
export interface ForwarderOptions {
  /** Where points go, such as `createRemoteWriteBackend()` of `cfn-metrics/adapters/remote-write`. */
  readonly backend: Backend;
  /** Directory in which position, totals, unsent points and refused ones are kept; made where it is missing. */
  readonly state: string;
  /**
   * Name of the files in `state`: a second forwarder to the same kind of backend needs another one.
   *
   * @defaultValue the name of the backend
   */
  readonly name?: string | undefined;
  /**
   * Directory of the shards.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Where to begin where nothing was forwarded yet: with all that is stored, or with what comes from now on.
   *
   * @defaultValue `'start'`
   */
  readonly from?: 'start' | 'end' | undefined;
  /**
   * Length of the intervals in which records are added up, in milliseconds, 100 to 3,600,000. They end at its multiples
   * since 1970, by the records' own time.
   *
   * @defaultValue 10,000
   */
  readonly intervalMs?: number | undefined;
  /**
   * How long after the end of an interval it is told: for records that are on their way to their shard.
   *
   * @defaultValue 1000
   */
  readonly graceMs?: number | undefined;
  /**
   * Forwards each stored gauge as a point with its own time, in place of the last one of each interval. Not with
   * `perAgent: false`.
   *
   * @defaultValue false
   */
  readonly raw?: boolean | undefined;
  /**
   * Gives each agent series of its own. Otherwise counters and histograms are added up over all agents, and gauges
   * become one as `gauges` says: where each series costs.
   *
   * @defaultValue true
   */
  readonly perAgent?: boolean | undefined;
  /**
   * With `perAgent: false`, the rule for the gauges of each metric, by the name that is told; that of the key `*` is for all others.
   *
   * @defaultValue `{ '*': 'mean' }`
   */
  readonly gauges?: Readonly<Record<string, ForwarderGaugeRule>> | undefined;
  /**
   * Metrics that are forwarded, as patterns with `*` and `?`.
   *
   * @defaultValue all
   */
  readonly allow?: readonly string[] | undefined;
  /**
   * Metrics that are not forwarded, as patterns with `*` and `?`, also where `allow` has them.
   *
   * @defaultValue none
   */
  readonly deny?: readonly string[] | undefined;
  /**
   * New names, by name.
   *
   * @defaultValue none
   */
  readonly rename?: Readonly<Record<string, string>> | undefined;
  /**
   * Units in place of the stored ones, by the stored name. Values stay.
   *
   * @defaultValue none
   */
  readonly units?: Readonly<Record<string, string>> | undefined;
  /**
   * Name of this host: the attribute `host.name` of everything whose writer did not name one.
   *
   * @defaultValue that of the system
   */
  readonly host?: string | undefined;
  /**
   * Further attributes of the resource of everything, such as `deployment.environment`.
   *
   * @defaultValue none
   */
  readonly resource?: Attributes | undefined;
  /**
   * How long a writer that is not heard of counts for an up-down counter, and an agent for a gauge of all agents, in
   * milliseconds.
   *
   * @defaultValue 300,000
   */
  readonly gaugeMaxAgeMs?: number | undefined;
  /**
   * How often a total that does not change is told again, in milliseconds. Prometheus forgets what it did not hear of
   * for five minutes.
   *
   * @defaultValue 60,000
   */
  readonly resendMs?: number | undefined;
  /**
   * How many series are kept apart, 1 to 1,000,000. Further ones are added up in one of their metric, with the attribute
   * `otel.metric.overflow`.
   *
   * @defaultValue 20,000
   */
  readonly maxSeries?: number | undefined;
  /**
   * Milliseconds between two looks at the shards, 10 to 60,000.
   *
   * @defaultValue 1000
   */
  readonly pollMs?: number | undefined;
  /**
   * How long a request may take, in milliseconds.
   *
   * @defaultValue 30,000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The longest wait between two attempts, in milliseconds. Retry-After may ask for more, up to an hour.
   *
   * @defaultValue 60,000
   */
  readonly maxBackoffMs?: number | undefined;
  /**
   * Bytes of the file of refused points, of which one older is kept.
   *
   * @defaultValue 16,777,216
   */
  readonly maxDeadLetterBytes?: number | undefined;
  /**
   * Stores metrics of its own, `cfn.forward.…`, for rules to watch it.
   *
   * @defaultValue false
   */
  readonly metrics?: boolean | undefined;
  /** Receives what happens. It may throw; nobody hears of it. */
  readonly onEvent?: ForwardListener | undefined;
  /**
   * The clock, in Unix milliseconds.
   *
   * @internal
   */
  readonly now?: (() => number) | undefined;
  /**
   * 0 to 1, for the waits between attempts.
   *
   * @internal
   */
  readonly random?: (() => number) | undefined;
}

/** The options of a forwarder with its defaults filled in. */
export interface ForwarderSettings {
  readonly backend: Backend;
  readonly state: string;
  readonly name: string;
  readonly directory: string | undefined;
  readonly from: 'start' | 'end';
  readonly intervalMs: number;
  readonly graceMs: number;
  readonly raw: boolean;
  readonly perAgent: boolean;
  readonly gauges: ReadonlyMap<string, ForwarderGaugeRule>;
  readonly selection: Selection;
  readonly host: string;
  readonly resource: Attributes;
  readonly gaugeMaxAgeMs: number;
  readonly resendMs: number;
  readonly maxSeries: number;
  readonly pollMs: number;
  readonly timeoutMs: number;
  readonly maxBackoffMs: number;
  readonly maxDeadLetterBytes: number;
  readonly metrics: boolean;
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * Reads the options of a forwarder.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad.
 */
export function forwarderSettings(options: ForwarderOptions): ForwarderSettings {
  const { backend, state, directory, raw = false, perAgent = true, metrics = false } = options;
  const { name = backend.name, host = hostname(), resource = {} } = options;
  if (typeof state !== 'string' || state === '') throw bad(`state must be a path, got ${shown(state)}`);
  if (typeof name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw bad(`name must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, got ${shown(name)}`);
  }
  if (raw && !perAgent) throw bad('raw and perAgent: false exclude each other');
  if (typeof host !== 'string' || host === '') throw bad(`host must be a name, got ${shown(host)}`);
  const problem = attributesProblem(resource);
  if (problem !== undefined) throw bad(`resource: ${problem}`);
  const ms = (key: keyof ForwarderOptions, fallback: number, min: number, max: number): number =>
    integerOption(key, options[key], fallback, { min, max });
  return {
    ...{ backend, state, name, directory, raw, perAgent, metrics, host, resource },
    from: wordOption('from', options.from, 'start', ['start', 'end']),
    gauges: new Map(Object.entries(options.gauges ?? {}).map(checkRule)),
    selection: selectionOf(options),
    intervalMs: ms('intervalMs', 10_000, Math.max(100, backend.resolutionMs ?? 1), 3_600_000),
    graceMs: ms('graceMs', 1000, 0, 60_000),
    gaugeMaxAgeMs: ms('gaugeMaxAgeMs', 300_000, 1, 2 ** 31 - 1),
    resendMs: ms('resendMs', 60_000, 100, 2 ** 31 - 1),
    maxSeries: integerOption('maxSeries', options.maxSeries, 20_000, { min: 1, max: 1_000_000 }),
    pollMs: ms('pollMs', 1000, 10, 60_000),
    timeoutMs: ms('timeoutMs', 30_000, 10, 600_000),
    maxBackoffMs: ms('maxBackoffMs', 60_000, 10, 3_600_000),
    maxDeadLetterBytes: integerOption('maxDeadLetterBytes', options.maxDeadLetterBytes, 16_777_216, {
      min: 0,
    }),
    now: options.now ?? Date.now,
    random: options.random ?? Math.random,
  };
}

function checkRule([metric, rule]: [string, unknown]): [string, ForwarderGaugeRule] {
  return [metric, wordOption(`gauges[${shown(metric)}]`, rule, 'mean', FORWARDER_GAUGE_RULES)];
}

function selectionOf({ allow = [], deny = [], rename = {}, units = {} }: ForwarderOptions): Selection {
  for (const [name, patterns] of Object.entries({ allow, deny })) {
    if (!Array.isArray(patterns) || !patterns.every((each) => typeof each === 'string' && each !== '')) {
      throw bad(`${name} must be an array of patterns, got ${shown(patterns)}`);
    }
  }
  for (const [from, to] of Object.entries(rename)) {
    const problem = metricProblem(to);
    if (problem !== undefined) throw bad(`rename[${shown(from)}]: ${problem}`);
  }
  for (const [metric, unit] of Object.entries(units)) {
    const problem = unitProblem(unit);
    if (problem !== undefined) throw bad(`units[${shown(metric)}]: ${problem}`);
  }
  return {
    ...{ allow, deny },
    rename: new Map(Object.entries(rename)),
    units: new Map(Object.entries(units)),
  };
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
