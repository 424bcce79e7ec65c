import type { Reporter } from '../diagnostics.js';
import {
  DEFAULT_SHARDS,
  type Environment,
  MAX_SHARDS,
  readEnvironment,
  readEnvironmentExcept,
  readOtelEnvironment,
} from '../environment.js';
import { MetricsError } from '../errors.js';
import { integerOption, shown, wordOption } from '../options.js';
import { agentId, agentProblem } from '../record.js';
import type { ShardMetricExporterOptions } from './options.js';
import {
  HISTOGRAM_AGGREGATIONS,
  type HistogramAggregation,
  TEMPORALITY_PREFERENCES,
  type TemporalityPreference,
} from './preferences.js';

/** Longer, and Node takes a timer for one of a millisecond. */
const MAX_INTERVAL_MS = 2 ** 31 - 1;

const DEFAULT_INTERVAL_MS = 10_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_QUEUE_BYTES = 4 * 1024 * 1024;

/** The options of an exporter with what the environment says, and the defaults, filled in. */
export interface ExporterSettings {
  readonly agent: string | undefined;
  readonly environmentAgent: string | undefined;
  readonly directory: string | undefined;
  readonly shards: number;
  readonly temporality: TemporalityPreference;
  readonly histogramAggregation: HistogramAggregation;
  readonly maxQueueBytes: number;
}

/**
 * Reads the options of an exporter and what the environment says in their place.
 *
 * @remarks
 * A bad option is a mistake of the programmer and throws. A bad variable is reported and ignored, as OpenTelemetry's
 * specification has it: an agent must not fail to start because of what its environment says on metrics.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad.
 */
export function exporterSettings(options: ShardMetricExporterOptions, reporter: Reporter): ExporterSettings {
  const environment = hostEnvironment(reporter);
  const otel = readOtelEnvironment();
  return {
    agent: agentOption(options.agent),
    environmentAgent: environmentAgent(environment.agent, reporter),
    directory: options.directory ?? environment.directory,
    shards: integerOption('shards', options.shards, environment.shards ?? DEFAULT_SHARDS, {
      min: 1,
      max: MAX_SHARDS,
    }),
    temporality: wordOption(
      'temporality',
      options.temporality,
      word(
        'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
        otel.temporality,
        'lowmemory',
        TEMPORALITY_PREFERENCES,
        reporter,
      ),
      TEMPORALITY_PREFERENCES,
    ),
    histogramAggregation: wordOption(
      'histogramAggregation',
      options.histogramAggregation,
      word(
        'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION',
        otel.histogramAggregation,
        'base2_exponential_bucket_histogram',
        HISTOGRAM_AGGREGATIONS,
        reporter,
      ),
      HISTOGRAM_AGGREGATIONS,
    ),
    maxQueueBytes: integerOption('maxQueueBytes', options.maxQueueBytes, DEFAULT_QUEUE_BYTES, {
      min: 65_536,
    }),
  };
}

/** How often to export, and how long that may take: never longer than the interval. */
export function intervalSettings(
  options: { readonly intervalMs?: number | undefined; readonly timeoutMs?: number | undefined },
  reporter: Reporter,
): { intervalMs: number; timeoutMs: number } {
  const otel = readOtelEnvironment();
  const bounds = { min: 1, max: MAX_INTERVAL_MS };
  const interval = milliseconds(
    'OTEL_METRIC_EXPORT_INTERVAL',
    otel.exportInterval,
    DEFAULT_INTERVAL_MS,
    reporter,
  );
  const timeout = milliseconds(
    'OTEL_METRIC_EXPORT_TIMEOUT',
    otel.exportTimeout,
    DEFAULT_TIMEOUT_MS,
    reporter,
  );
  const intervalMs = integerOption('intervalMs', options.intervalMs, interval, bounds);
  return {
    intervalMs,
    timeoutMs: Math.min(integerOption('timeoutMs', options.timeoutMs, timeout, bounds), intervalMs),
  };
}

/** Whether `OTEL_SDK_DISABLED` says so. */
export function isDisabled(reporter: Reporter): boolean {
  const { disabled } = readOtelEnvironment();
  return word('OTEL_SDK_DISABLED', disabled, 'false', ['true', 'false'], reporter) === 'true';
}

function hostEnvironment(reporter: Reporter): Environment {
  try {
    return readEnvironment();
  } catch (error) {
    reporter.report('CFN_METRICS_SHARDS', () => ignored((error as Error).message));
    return readEnvironmentExcept('CFN_METRICS_SHARDS');
  }
}

function agentOption(agent: string | number | undefined): string | undefined {
  if (agent === undefined) return undefined;
  const id = agentId(agent);
  const problem = agentProblem(id);
  if (problem !== undefined) throw new MetricsError('ERR_METRICS_OPTION', problem);
  return id;
}

function environmentAgent(agent: string | undefined, reporter: Reporter): string | undefined {
  if (agent === undefined) return undefined;
  const id = agentId(agent);
  const problem = agentProblem(id);
  if (problem === undefined) return id;
  reporter.report('CFN_AGENT_ID', () => ignored(`CFN_AGENT_ID is no agent: ${problem}`));
  return undefined;
}

function word<T extends string>(
  name: string,
  text: string | undefined,
  fallback: T,
  words: readonly T[],
  reporter: Reporter,
): T {
  if (text === undefined) return fallback;
  const found = words.find((candidate) => candidate === text.trim().toLowerCase());
  if (found === undefined) {
    reporter.report(name, () => ignored(`${name} must be one of ${words.join(', ')}, got ${shown(text)}`));
  }
  return found ?? fallback;
}

function milliseconds(name: string, text: string | undefined, fallback: number, reporter: Reporter): number {
  if (text === undefined) return fallback;
  const value = /^\s*[0-9]{1,10}\s*$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= MAX_INTERVAL_MS) return value;
  reporter.report(name, () =>
    ignored(`${name} must be whole milliseconds from 1 to ${MAX_INTERVAL_MS}, got ${shown(text)}`),
  );
  return fallback;
}

function ignored(problem: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', `${problem}; it is ignored`);
}
