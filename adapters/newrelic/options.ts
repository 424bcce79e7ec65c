import { readAddress, readKey, withPath } from '../../src/forward/address.js';
import type { OtlpSettings } from '../../src/forward/otlp/backend.js';
import { wordOption } from '../../src/options.js';
import { limitedAttributes } from './limits.js';

/**
 * Data centers of New Relic that take OTLP.
 *
 * @public
 */
export const NEW_RELIC_REGIONS = ['us', 'eu', 'jp', 'fedramp'] as const;

/**
 * One of {@link NEW_RELIC_REGIONS}.
 *
 * @public
 */
export type NewRelicRegion = (typeof NEW_RELIC_REGIONS)[number];

/**
 * What {@link createNewRelicBackend} can be told; all but the key is optional.
 *
 * @public
 */
export interface NewRelicBackendOptions {
  /** License key of the account. It is in no message. */
  readonly licenseKey: string;
  /**
   * Where the account is kept.
   *
   * @defaultValue `'eu'` where the key begins with `eu`, as those of Europe do; otherwise `'us'`
   */
  readonly region?: NewRelicRegion | undefined;
  /**
   * Base URL in place of that of the region, such as that of a proxy; `/v1/metrics` is appended.
   *
   * @defaultValue that of the region
   */
  readonly endpoint?: string | undefined;
  /**
   * Whether each agent is a Resource of its own, or the attribute `agent.id` of its points, and the host the Resource.
   *
   * @defaultValue `'resource'`
   */
  readonly agents?: 'resource' | 'attribute' | undefined;
}

/** https://docs.newrelic.com/docs/opentelemetry/best-practices/opentelemetry-otlp/#configure-endpoint-port-protocol */
const ENDPOINTS: Readonly<Record<NewRelicRegion, string>> = {
  us: 'https://otlp.nr-data.net',
  eu: 'https://otlp.eu01.nr-data.net',
  jp: 'https://otlp.jp.nr-data.net',
  fedramp: 'https://gov-otlp.nr-data.net',
};

const HOUR_MS = 3_600_000;

/**
 * Reads the options of a backend.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad; never shows the key.
 */
export function newRelicSettings(options: NewRelicBackendOptions): OtlpSettings {
  const key = readKey('licenseKey', options.licenseKey);
  const region = wordOption('region', options.region, regionOf(key), NEW_RELIC_REGIONS);
  const { url, headers } = readAddress('endpoint', options.endpoint ?? ENDPOINTS[region]);
  return {
    name: 'newrelic',
    url: withPath(url, '/v1/metrics'),
    headers: { ...headers, 'api-key': key },
    protocol: 'http/protobuf',
    gzip: true,
    temporality: 'delta',
    shape: {
      agents: wordOption('agents', options.agents, 'resource', ['resource', 'attribute']),
      // deltas are what is asked for, and of sums that may fall New Relic takes none: the present value is a gauge
      upDownCounters: 'gauge',
      attributes: limitedAttributes,
    },
    finiteOnly: true,
    // A million bytes a payload; whether before or after gzip it does not say, so neither is more.
    limits: {
      points: 5000,
      bytes: 1_000_000,
      rawBytes: 1_000_000,
      maxAgeMs: 48 * HOUR_MS,
      maxFutureMs: 24 * HOUR_MS,
    },
  };
}

/** Keys of Europe begin with their region, `eu01xx…`; those of elsewhere say nothing that is documented. */
function regionOf(key: string): NewRelicRegion {
  return /^eu[0-9]{2}x/i.test(key) ? 'eu' : 'us';
}
