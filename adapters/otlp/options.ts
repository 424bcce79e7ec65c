import { MetricsError } from '../../src/errors.js';
import { basic, readAddress, readHeaders, readKey, withPath } from '../../src/forward/address.js';
import type { OtlpSettings } from '../../src/forward/otlp/backend.js';
import { OTLP_PROTOCOLS, type OtlpProtocol } from '../../src/forward/otlp/encode.js';
import { shown, wordOption } from '../../src/options.js';
import { OTLP_PRESETS, type OtlpPreset, PRESETS, type PresetSettings } from './presets.js';

/**
 * What {@link createOtlpBackend} can be told; every field is optional.
 *
 * @public
 */
export interface OtlpBackendOptions {
  /**
   * The receiver, where it is one whose address, headers and preferences are known. Whatever else is said goes before it.
   *
   * @defaultValue `'collector'`
   */
  readonly preset?: OtlpPreset | undefined;
  /**
   * Base URL of the receiver; `/v1/metrics` is appended. User and password in it become a header.
   *
   * @defaultValue that of the preset: `http://localhost:4318` of a Collector. `grafana-cloud` has none.
   */
  readonly endpoint?: string | undefined;
  /** URL for metrics, which is taken as it is; goes before `endpoint`. */
  readonly metricsEndpoint?: string | undefined;
  /** Further headers, such as a key. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** User of a basic authorization, whose password is `token`: of Grafana Cloud the number of the instance. */
  readonly user?: string | undefined;
  /** Key of the receiver: `x-honeycomb-team`, `dd-api-key`, with `user` a password, otherwise `Authorization: Bearer`. */
  readonly token?: string | undefined;
  /** Tenant of Mimir (`X-Scope-OrgID`) or dataset of Honeycomb (`x-honeycomb-dataset`). */
  readonly tenant?: string | undefined;
  /**
   * How requests are written.
   *
   * @defaultValue `'http/protobuf'`
   */
  readonly protocol?: OtlpProtocol | undefined;
  /**
   * How requests are compressed.
   *
   * @defaultValue `'gzip'`, where the specification of OpenTelemetry has none: one twelfth of the bytes
   */
  readonly compression?: 'gzip' | 'none' | undefined;
  /**
   * Whether counters and histograms are told as totals or as what came in between. Up-down counters are totals always.
   *
   * @defaultValue that of the preset: `'delta'` for Datadog, which takes nothing else, otherwise `'cumulative'`
   */
  readonly temporality?: 'delta' | 'cumulative' | undefined;
  /**
   * Whether each agent is a Resource of its own, or the attribute `agent.id` of its points, and the host the Resource.
   *
   * @defaultValue `'resource'`; `'attribute'` for Grafana Cloud, Mimir and Prometheus, which make no labels of a resource
   */
  readonly agents?: 'resource' | 'attribute' | undefined;
}

const SIGNAL_PATH = '/v1/metrics';

/**
 * Reads the options of a backend.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad; none of them shows what may be secret.
 */
export function otlpSettings(options: OtlpBackendOptions): OtlpSettings {
  const preset = PRESETS[wordOption('preset', options.preset, 'collector', OTLP_PRESETS)];
  const { url, headers } = readUrl(options, preset);
  return {
    name: 'otlp',
    url,
    headers: {
      ...preset.headers,
      ...headers,
      ...readIdentity(options, preset),
      ...readHeaders('headers', options.headers),
    },
    protocol: wordOption('protocol', options.protocol, 'http/protobuf', OTLP_PROTOCOLS),
    gzip: wordOption('compression', options.compression, 'gzip', ['gzip', 'none']) === 'gzip',
    temporality: wordOption('temporality', options.temporality, preset.temporality, ['delta', 'cumulative']),
    shape: {
      agents: wordOption('agents', options.agents, preset.agents, ['resource', 'attribute']),
      upDownCounters: preset.upDownCounters,
      attributes: (attributes) => attributes,
    },
    finiteOnly: preset.finiteOnly ?? false,
    limits: preset.limits,
  };
}

function readUrl(options: OtlpBackendOptions, preset: PresetSettings): ReturnType<typeof readAddress> {
  if (options.metricsEndpoint !== undefined) return readAddress('metricsEndpoint', options.metricsEndpoint);
  const endpoint = options.endpoint ?? preset.endpoint;
  if (endpoint === undefined) {
    throw bad(
      `endpoint must be given with the preset ${String(options.preset)}, such as https://otlp-gateway-prod-eu-west-2.grafana.net/otlp`,
    );
  }
  const { url, headers } = readAddress('endpoint', endpoint);
  return { url: withPath(url, SIGNAL_PATH), headers };
}

function readIdentity(
  { user, token, tenant, preset: name = 'collector' }: OtlpBackendOptions,
  preset: PresetSettings,
): Record<string, string> {
  const headers: Record<string, string> = {};
  if (user !== undefined) {
    if (typeof user !== 'string' || user === '' || user.includes(':')) {
      throw bad(`user must be text without a colon, got ${shown(user)}`);
    }
    headers['authorization'] = basic(user, readKey('token', token));
  } else if (token !== undefined) {
    const key = readKey('token', token);
    headers[preset.tokenHeader ?? 'authorization'] = preset.tokenHeader === undefined ? `Bearer ${key}` : key;
  }
  if (tenant !== undefined) {
    if (preset.tenantHeader === undefined)
      throw bad(`the preset ${name} has no tenant, got ${shown(tenant)}`);
    headers[preset.tenantHeader] = readKey('tenant', tenant);
  }
  return headers;
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
