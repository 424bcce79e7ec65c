import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import type { ErrorListener } from '../../src/diagnostics.js';
import { MetricsError } from '../../src/errors.js';
import { integerOption, shown } from '../../src/options.js';
import type { ShardMetricProducerOptions } from '../../src/otel/producer-options.js';

/**
 * What {@link createPrometheusHandler} can be told; every field is optional. Those of the producer are for the one that is
 * made where none is given.
 *
 * @public
 */
export interface PrometheusHandlerOptions extends Omit<
  ShardMetricProducerOptions,
  'temporality' | 'resource'
> {
  /**
   * Where the metrics come from, such as a `ShardMetricProducer` that other readers share. It is then its maker's business to
   * shut it down.
   *
   * @defaultValue a `ShardMetricProducer` of these options
   */
  readonly producer?: MetricProducer | undefined;
  /**
   * What all names begin with, where they do not already: letters, digits and underscores, or nothing.
   *
   * @defaultValue `'cfn_'`
   */
  readonly prefix?: string | undefined;
  /**
   * Path of the metrics. That of the health check is `/healthz`. Behind a router that takes its own path away, `'/'`.
   *
   * @defaultValue `'/metrics'`
   */
  readonly path?: string | undefined;
  /**
   * Names that the header `Host` may have, beside `localhost` and addresses; `'*'` allows any. Any other name is refused:
   * it may be that of a page in a browser which had its name point here.
   *
   * @defaultValue none
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * What clients must bear: `Authorization: Bearer …`. It is not kept, and in no message.
   *
   * @defaultValue none: whoever reaches the port may read
   */
  readonly token?: string | undefined;
  /**
   * How many scrapes are answered at once, 1 to 1000; further ones get 503.
   *
   * @defaultValue 4
   */
  readonly maxConcurrent?: number | undefined;
  /**
   * How long a scrape may take, in milliseconds; shorter where Prometheus says that it waits less.
   *
   * @defaultValue 10,000
   */
  readonly timeoutMs?: number | undefined;
  /** Receives each kind of trouble once. It may throw; nobody hears of it. */
  readonly onError?: ErrorListener | undefined;
}

/** The options of a handler with its defaults filled in; those of the producer aside. */
export interface HandlerSettings {
  readonly prefix: string;
  readonly path: string;
  readonly hosts: readonly string[];
  readonly token: string | undefined;
  readonly maxConcurrent: number;
  readonly timeoutMs: number;
}

/**
 * Reads the options of a handler.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad.
 */
export function handlerSettings(options: PrometheusHandlerOptions): HandlerSettings {
  const { prefix = 'cfn_', path = '/metrics', hosts = [], token } = options;
  if (typeof prefix !== 'string' || !/^([A-Za-z_][A-Za-z0-9_]*)?$/.test(prefix)) {
    throw bad(`prefix must be letters, digits and underscores, got ${shown(prefix)}`);
  }
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('?')) {
    throw bad(`path must begin with /, got ${shown(path)}`);
  }
  if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === 'string' && host !== '')) {
    throw bad(`hosts must be an array of names, got ${shown(hosts)}`);
  }
  if (token !== undefined && (typeof token !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(token))) {
    throw bad('token must be 1 to 4096 visible ASCII characters');
  }
  return {
    ...{ prefix, path, hosts, token },
    maxConcurrent: integerOption('maxConcurrent', options.maxConcurrent, 4, { min: 1, max: 1000 }),
    timeoutMs: integerOption('timeoutMs', options.timeoutMs, 10_000, { min: 1, max: 2 ** 31 - 1 }),
  };
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
