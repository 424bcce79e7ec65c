import type { Backend } from '../../src/forward/backend.js';
import { RemoteWriteBackend } from './backend.js';
import { type RemoteWriteBackendOptions, remoteWriteSettings } from './options.js';

/**
 * Makes the backend that tells a receiver of Prometheus' remote write 1.0: Prometheus itself, VictoriaMetrics, Mimir,
 * Grafana Cloud.
 *
 * @remarks
 * Names, labels and histograms are those that a scrape of `cfn-metrics serve` has, so that dashboards and rules serve
 * both: counters and histograms are totals, exponential histograms become explicit ones. A point whose name another
 * metric has already, in another type, is left out. What is told twice after a kill is the same samples of the same times,
 * which Prometheus takes as nothing new.
 *
 * @param options - Where it is, and how it wants to be told.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad.
 *
 * @public
 */
export function createRemoteWriteBackend(options: RemoteWriteBackendOptions): Backend {
  return new RemoteWriteBackend(remoteWriteSettings(options));
}
