import { deflateSync, gzipSync } from 'node:zlib';
import type { Backend, BackendLimits, BackendRequest, ResourceOf } from '../../src/forward/backend.js';
import type { Point } from '../../src/forward/point.js';
import { convert, type Known } from './convert.js';
import { type DatadogBackendOptions, datadogSettings, type DatadogSettings } from './options.js';
import { distributionPoints, seriesV1, seriesV2 } from './requests.js';

/** https://docs.datadoghq.com/api/latest/metrics/#submit-metrics; version 1 takes more, and is not given more. */
const LIMITS: BackendLimits = {
  points: 5000,
  bytes: 512_000,
  rawBytes: 5_242_879,
  maxAgeMs: 3_600_000,
  maxFutureMs: 600_000,
};

/**
 * Makes the backend that tells Datadog, without its Agent.
 *
 * @remarks
 * Counters are counts of their interval, gauges and up-down counters are gauges. A histogram is the counts `<name>.count`
 * and `<name>.sum` and the gauges `<name>.min` and `<name>.max`, as Datadog's Agent tells those of OTLP without buckets;
 * its buckets by option. Datadog takes quantiles from distributions only, which cannot be made of buckets without
 * inventing values: tell raw gauges as `distributions`, or histograms by OTLP with the preset `datadog`.
 *
 * The host is `host.name` of the resource, the agent the tag `agent_id`. Names and tags are as Datadog would make them.
 * Left out is what it has no form for: NaN, the infinities, names of more than 200 characters.
 *
 * A request that is repeated changes nothing: of one metric, tags and second Datadog keeps the last value, and a repeat
 * has the same. Points that would be two of one second are told as one. Distributions are the exception: their values are
 * added again.
 *
 * @param options - The key, and what is told how.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad.
 *
 * @public
 */
export function createDatadogBackend(options: DatadogBackendOptions): Backend {
  return new DatadogBackend(datadogSettings(options));
}

class DatadogBackend implements Backend {
  readonly name = 'datadog';
  readonly temporality = 'delta';
  readonly limits = LIMITS;
  readonly resolutionMs = 1000;
  readonly #settings: DatadogSettings;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #known: Known = { agents: new WeakMap(), owners: new WeakMap() };

  constructor(settings: DatadogSettings) {
    this.#settings = settings;
    this.#headers = {
      ...settings.headers,
      'dd-api-key': settings.apiKey,
      'content-type': 'application/json',
      accept: 'application/json',
    };
  }

  encode(points: readonly Point[], resourceOf: ResourceOf): readonly BackendRequest[] {
    const { series, distributionPoints: distributionsUrl, apiVersion, rules } = this.#settings;
    const { set, told, distributed } = convert(points, resourceOf, rules, this.#known);
    const requests: BackendRequest[] = [];
    if (told.length > 0) {
      const body = apiVersion === 1 ? seriesV1(set.series) : seriesV2(set.series);
      requests.push(this.#request(series, body, 'gzip', told));
    }
    if (distributed.length > 0) {
      // it takes no other encoding
      requests.push(
        this.#request(distributionsUrl, distributionPoints(set.distributions), 'deflate', distributed),
      );
    }
    return requests;
  }

  partialSuccess(body: Uint8Array): { points: number; reason: string } | undefined {
    let answer: unknown;
    try {
      answer = JSON.parse(Buffer.from(body).toString('utf8'));
    } catch {
      return undefined;
    }
    const errors: unknown = (answer as { readonly errors?: unknown } | null)?.errors;
    if (!Array.isArray(errors) || errors.length === 0) return undefined;
    // it does not say of how many points
    return { points: 0, reason: errors.map(String).join('; ') };
  }

  #request(url: URL, text: string, encoding: 'gzip' | 'deflate', points: readonly Point[]): BackendRequest {
    const raw = Buffer.from(text);
    return {
      url: url.href,
      headers: { ...this.#headers, 'content-encoding': encoding },
      body: encoding === 'gzip' ? gzipSync(raw) : deflateSync(raw),
      rawBytes: raw.length,
      points,
    };
  }
}
