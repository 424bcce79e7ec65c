import { MetricsError } from '../../src/errors.js';
import { readAddress, readKey, withPath } from '../../src/forward/address.js';
import { shown } from '../../src/options.js';
import type { Rules } from './convert.js';

/**
 * What {@link createDatadogBackend} can be told; all but the key is optional.
 *
 * @public
 */
export interface DatadogBackendOptions {
  /** API key. It is in no message. */
  readonly apiKey: string;
  /**
   * The site that the account is at: `datadoghq.com`, `us3.datadoghq.com`, `us5.datadoghq.com`, `ap1.datadoghq.com`,
   * `datadoghq.eu`, `ddog-gov.com`, or whatever else ends with one of Datadog's domains.
   *
   * @defaultValue `'datadoghq.com'`
   */
  readonly site?: string | undefined;
  /**
   * Base URL in place of `https://api.<site>`: that of a proxy, or of a VictoriaMetrics with `/datadog` behind it. The
   * key goes there.
   *
   * @defaultValue `https://api.<site>`
   */
  readonly endpoint?: string | undefined;
  /**
   * Version of the API for series. The first one has no units, and is what VictoriaMetrics takes before 1.97.
   *
   * @defaultValue 2
   */
  readonly apiVersion?: 1 | 2 | undefined;
  /**
   * Gauges that are told as distributions, by patterns of their names with `*` and `?`: Datadog makes quantiles of the
   * values over all agents. Forward raw records, not intervals, or there is one value an interval. A request of these that
   * is repeated is counted twice.
   *
   * @defaultValue none
   */
  readonly distributions?: readonly string[] | undefined;
  /**
   * Whether the buckets of histograms are told, each as a count with tags for its bounds, and so a custom metric of its own.
   *
   * @defaultValue false
   */
  readonly buckets?: boolean | undefined;
  /**
   * Attributes of the resource that become tags, beside `service`, `env` and `version`. Each of them that differs by agent
   * makes custom metrics.
   *
   * @defaultValue none
   */
  readonly resourceTags?: readonly string[] | undefined;
}

/** The options of a backend with its defaults filled in. */
export interface DatadogSettings {
  readonly apiKey: string;
  readonly series: URL;
  readonly distributionPoints: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly apiVersion: 1 | 2;
  readonly rules: Rules;
}

/** Every site of https://docs.datadoghq.com/getting_started/site/ is one of these, or below one. */
const SITE = /^([a-z0-9]([a-z0-9-]{0,62})\.)*(datadoghq\.com|datadoghq\.eu|ddog-gov\.com)$/;

/**
 * Reads the options of a backend.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad; never shows the key.
 */
export function datadogSettings(options: DatadogBackendOptions): DatadogSettings {
  const { site = 'datadoghq.com', apiVersion = 2, buckets = false } = options;
  const apiKey = readKey('apiKey', options.apiKey);
  if (typeof site !== 'string' || !SITE.test(site)) {
    throw bad(`site must be a site of Datadog, such as datadoghq.eu, got ${shown(site)}`);
  }
  if ((apiVersion as unknown) !== 1 && apiVersion !== 2) {
    throw bad(`apiVersion must be 1 or 2, got ${shown(apiVersion)}`);
  }
  if (typeof buckets !== 'boolean') throw bad(`buckets must be true or false, got ${shown(buckets)}`);
  const { url, headers } = readAddress('endpoint', options.endpoint ?? `https://api.${site}`);
  return {
    apiKey,
    series: withPath(url, `/api/v${apiVersion}/series`),
    distributionPoints: withPath(url, '/api/v1/distribution_points'),
    headers,
    apiVersion,
    rules: {
      buckets,
      distributions: readTexts('distributions', options.distributions),
      resourceTags: readTexts('resourceTags', options.resourceTags),
    },
  };
}

function readTexts(option: string, texts: unknown): readonly string[] {
  if (texts === undefined) return [];
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string' && text !== '')) {
    return [...(texts as string[])];
  }
  throw bad(`${option} must be an array of texts, got ${shown(texts)}`);
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
