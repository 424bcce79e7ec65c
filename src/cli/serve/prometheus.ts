import { createPrometheusHandler } from '../../../adapters/prometheus/index.js';
import { MetricsError } from '../../errors.js';
import { shown, wordOption } from '../../options.js';
import { ShardMetricProducer } from '../../otel/producer.js';
import { GAUGE_RULES, type GaugeRule, PRODUCER_VIEWS } from '../../otel/producer-options.js';
import { LONGEST_TIME, parseCount, parseDuration } from '../archive/amounts.js';
import type { FlagValues } from '../command.js';
import { complain } from '../failure.js';
import type { Settings } from '../settings.js';
import { stateOf } from '../user-state.js';
import { followerReport } from '../up/follower-report.js';
import type { Service, ServiceContext } from './service.js';

/** Flags of `serve --prometheus` alone. */
export const PROMETHEUS_FLAGS = {
  prefix: 'text',
  per: 'text',
  gauge: 'texts',
  'gauge-max-age': 'text',
  'max-series': 'text',
  snapshot: 'text',
  'no-snapshot': 'switch',
} as const;

/** The metrics of all agents for Prometheus. */
export async function prometheusService(
  flags: FlagValues<typeof PROMETHEUS_FLAGS>,
  { directory, hosts, token }: ServiceContext,
  settings: Settings,
): Promise<Service> {
  if (flags['no-snapshot'] && flags.snapshot !== undefined) {
    throw bad('--snapshot and --no-snapshot exclude each other');
  }
  const per = wordOption('--per', flags.per, 'agent', PRODUCER_VIEWS);
  const state = stateOf('prometheus', settings.directory.value.path, process.env);
  const producer = new ShardMetricProducer({
    directory,
    per,
    gauges: gaugeRules(flags.gauge),
    gaugeMaxAgeMs: parseDuration('--gauge-max-age', flags['gauge-max-age'], ['1ms', LONGEST_TIME]),
    maxSeries: parseCount('--max-series', flags['max-series'], 1, 1_000_000),
    snapshotFile: flags['no-snapshot'] ? undefined : (flags.snapshot ?? `${state}.${per}.json`),
  });
  const { prefix } = flags;
  const handler = createPrometheusHandler({ producer, prefix, hosts, token, onError: complain });
  await handler.load();
  return {
    handler,
    path: '/metrics',
    report: () => followerReport(settings.directory.value, true, producer.stats().lagMs),
    end: () => producer.shutdown(),
  };
}

function gaugeRules(texts: readonly string[] = []): Record<string, GaugeRule> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, metric = '', word] = /^(.+)=([a-z]+)$/.exec(text) ?? [];
      const rule = GAUGE_RULES.find((known) => known === word);
      if (rule !== undefined) return [metric, rule];
      throw bad(`--gauge must be METRIC=${GAUGE_RULES.join('|')}, got ${shown(text)}`);
    }),
  );
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
