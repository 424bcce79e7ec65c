import type { Backend } from '../../src/forward/backend.js';
import { OtlpBackend } from '../../src/forward/otlp/backend.js';
import { loadSerializers } from '../../src/forward/otlp/serializers.js';
import { type NewRelicBackendOptions, newRelicSettings } from './options.js';

/**
 * Makes the backend that tells New Relic, by OTLP over HTTP.
 *
 * @remarks
 * Needs the packages `@opentelemetry/otlp-transformer` and `@opentelemetry/api`, which are loaded here. Counters and
 * histograms are deltas, histograms with their buckets, so that quantiles can be asked for; up-down counters are gauges.
 * Names of attributes longer than 255 characters are left out, longer texts than 4,095 and longer arrays than 64 cut; NaN and the infinities are left out.
 *
 * New Relic keeps what it is told: it knows no repeat. A request that it accepted, and whose answer was lost, is sent
 * again, and its deltas are counted twice.
 *
 * @param options - The key, and where the account is kept.
 * @throws MetricsError `ERR_METRICS_OPTION` (the promise rejects) where an option is bad or a package is missing.
 *
 * @public
 */
export async function createNewRelicBackend(options: NewRelicBackendOptions): Promise<Backend> {
  const settings = newRelicSettings(options);
  return new OtlpBackend(settings, await loadSerializers('New Relic'));
}
