import type { Backend } from '../../src/forward/backend.js';
import { OtlpBackend } from '../../src/forward/otlp/backend.js';
import { loadSerializers } from '../../src/forward/otlp/serializers.js';
import { type OtlpBackendOptions, otlpSettings } from './options.js';

/**
 * Makes the backend that tells a receiver of OTLP over HTTP, such as an OpenTelemetry Collector.
 *
 * @remarks
 * Needs the packages `@opentelemetry/otlp-transformer` and `@opentelemetry/api`, which are loaded here. Points are what
 * they are in OpenTelemetry: gauges, sums, explicit and exponential histograms, with the time they are of and the start of
 * what they add up. A request that is repeated tells the same totals of the same times again; whether deltas that come
 * twice are counted twice is up to the receiver.
 *
 * What OTLP has no form for is left out: points of before 1970 or after 2554, and counts beyond 64 bits.
 *
 * @param options - Where it is, and how it wants to be told.
 * @throws MetricsError `ERR_METRICS_OPTION` (the promise rejects) where an option is bad or a package is missing.
 *
 * @public
 */
export async function createOtlpBackend(options: OtlpBackendOptions = {}): Promise<Backend> {
  const settings = otlpSettings(options);
  return new OtlpBackend(settings, await loadSerializers('OTLP'));
}
