import { MetricsError } from '../../errors.js';

/** What is used of `@opentelemetry/otlp-transformer`. */
export type Serializers = Pick<
  typeof import('@opentelemetry/otlp-transformer'),
  'ProtobufMetricsSerializer' | 'JsonMetricsSerializer'
>;

/**
 * Loads the package that knows OTLP, which is an optional peer.
 *
 * @param user - What needs it, for the error.
 * @throws MetricsError `ERR_METRICS_OPTION` where it is not installed.
 */
export async function loadSerializers(user: string): Promise<Serializers> {
  try {
    return await import('@opentelemetry/otlp-transformer');
  } catch (cause) {
    throw new MetricsError(
      'ERR_METRICS_OPTION',
      `${user} needs two packages: npm install @opentelemetry/otlp-transformer @opentelemetry/api`,
      { cause },
    );
  }
}
