import type { BackendLimits } from '../../src/forward/backend.js';

/**
 * Receivers of OTLP whose address, headers and preferences are known.
 *
 * @public
 */
export const OTLP_PRESETS = [
  'collector',
  'grafana-cloud',
  'mimir',
  'prometheus',
  'victoriametrics',
  'honeycomb',
  'datadog',
] as const;

/**
 * One of {@link OTLP_PRESETS}.
 *
 * @public
 */
export type OtlpPreset = (typeof OTLP_PRESETS)[number];

/** What is known of a receiver. */
export interface PresetSettings {
  /** Its base URL; undefined where everybody has another one. */
  readonly endpoint?: string;
  readonly temporality: 'delta' | 'cumulative';
  readonly agents: 'resource' | 'attribute';
  readonly upDownCounters: 'sum' | 'gauge';
  /** The header that the token is in, as it is; `Authorization: Bearer` where nothing is said. */
  readonly tokenHeader?: string;
  /** The header that the tenant is in: tenants of Mimir, datasets of Honeycomb. */
  readonly tenantHeader?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether it has no form for NaN and the infinities. */
  readonly finiteOnly?: boolean;
  readonly limits: BackendLimits;
}

/** A Collector takes 20 MiB in a request, and nobody known takes less than this. */
const LIMITS: BackendLimits = {
  points: 10_000,
  bytes: 4_194_304,
  rawBytes: 16_777_216,
  maxAgeMs: Infinity,
  maxFutureMs: Infinity,
};

const OPEN_TELEMETRY = {
  temporality: 'cumulative',
  agents: 'resource',
  upDownCounters: 'sum',
  limits: LIMITS,
} as const;

/** Those make no labels of a resource but `job` and `instance`: what tells agents apart has to be with their points. */
const PROMETHEUS = { ...OPEN_TELEMETRY, agents: 'attribute' } as const;

/** What is known, by preset. */
export const PRESETS: Readonly<Record<OtlpPreset, PresetSettings>> = {
  collector: { ...OPEN_TELEMETRY, endpoint: 'http://localhost:4318' },
  'grafana-cloud': PROMETHEUS,
  mimir: { ...PROMETHEUS, endpoint: 'http://localhost:8080/otlp', tenantHeader: 'x-scope-orgid' },
  prometheus: { ...PROMETHEUS, endpoint: 'http://localhost:9090/api/v1/otlp' },
  // from 1.97.3 on; it makes labels of all attributes of a resource
  victoriametrics: { ...OPEN_TELEMETRY, endpoint: 'http://localhost:8428/opentelemetry' },
  honeycomb: {
    ...OPEN_TELEMETRY,
    endpoint: 'https://api.honeycomb.io',
    tokenHeader: 'x-honeycomb-team',
    tenantHeader: 'x-honeycomb-dataset',
  },
  // https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/metrics/: deltas only
  datadog: {
    endpoint: 'https://otlp.datadoghq.com',
    temporality: 'delta',
    agents: 'resource',
    upDownCounters: 'gauge',
    finiteOnly: true,
    tokenHeader: 'dd-api-key',
    headers: {
      'dd-otel-metric-config': JSON.stringify({
        resource_attributes_as_tags: true,
        histograms: { mode: 'distributions', send_aggregation_metrics: true },
      }),
    },
    limits: {
      points: 5000,
      bytes: 500_000,
      rawBytes: 5_000_000,
      maxAgeMs: 3_600_000,
      maxFutureMs: 600_000,
    },
  },
};
