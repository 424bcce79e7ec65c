import { MetricsError } from './errors.js';
import { shown } from './options.js';

/** How many shards there are when nobody says otherwise. */
export const DEFAULT_SHARDS = 16;

/** More shards than this help nobody, and each costs every reader an open file. */
export const MAX_SHARDS = 1024;

/** What the environment says of this package; an empty variable counts as unset, as OpenTelemetry has it. */
export interface Environment {
  /** `CFN_METRICS_DIR` */
  readonly directory?: string | undefined;
  /** `CFN_METRICS_SHARDS` */
  readonly shards?: number | undefined;
  /** `CFN_AGENT_ID` */
  readonly agent?: string | undefined;
}

/**
 * Reads the variables that every writer and reader on a host has to agree on.
 *
 * @remarks
 * The one place of the library, beside the command line and `register`, that reads `process.env`: a TypeScript agent
 * and a bash script started from the same environment have to find the same shards without being told twice.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where `CFN_METRICS_SHARDS` is no number of shards.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  return {
    directory: env['CFN_METRICS_DIR'] || undefined,
    shards: parseShards(env['CFN_METRICS_SHARDS'] || undefined),
    agent: env['CFN_AGENT_ID'] || undefined,
  };
}

/** Reads the same as if one variable were not set; for who ignores a bad one. */
export function readEnvironmentExcept(name: string, env: NodeJS.ProcessEnv = process.env): Environment {
  return readEnvironment({ ...env, [name]: undefined });
}

function parseShards(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_SHARDS) return count;
  throw new MetricsError(
    'ERR_METRICS_OPTION',
    `CFN_METRICS_SHARDS must be a whole number from 1 to ${MAX_SHARDS}, got ${shown(text)}`,
  );
}

/** What the environment says of OpenTelemetry, as text that nobody has judged yet; empty counts as unset. */
export interface OtelEnvironment {
  /** `OTEL_SDK_DISABLED` */
  readonly disabled?: string | undefined;
  /** `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` */
  readonly temporality?: string | undefined;
  /** `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` */
  readonly histogramAggregation?: string | undefined;
  /** `OTEL_METRIC_EXPORT_INTERVAL` */
  readonly exportInterval?: string | undefined;
  /** `OTEL_METRIC_EXPORT_TIMEOUT` */
  readonly exportTimeout?: string | undefined;
}

/**
 * Reads the variables of OpenTelemetry that configure its metrics SDK.
 *
 * @remarks
 * `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are missing here: the resources package reads them itself.
 */
export function readOtelEnvironment(env: NodeJS.ProcessEnv = process.env): OtelEnvironment {
  return {
    disabled: env['OTEL_SDK_DISABLED'] || undefined,
    temporality: env['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'] || undefined,
    histogramAggregation: env['OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION'] || undefined,
    exportInterval: env['OTEL_METRIC_EXPORT_INTERVAL'] || undefined,
    exportTimeout: env['OTEL_METRIC_EXPORT_TIMEOUT'] || undefined,
  };
}
