import { Alerter } from './alerter.js';
import type { AlerterOptions } from './options.js';

/**
 * Makes an alerter. Opens nothing yet.
 *
 * @example
 * ```ts
 * const alerter = createAlerter({ state: '/var/lib/cfn-metrics/alert', rules: defaultAlerts() });
 * await alerter.run(AbortSignal.timeout(60_000));
 * ```
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where a channel cannot be made, such as for a missing secret.
 *
 * @public
 */
export function createAlerter(options: AlerterOptions): Alerter {
  return new Alerter(options);
}
