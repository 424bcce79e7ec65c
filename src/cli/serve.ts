import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createPrometheusHandler } from '../../adapters/prometheus/index.js';
import type { PrometheusHandlerOptions } from '../../adapters/prometheus/options.js';
import { MetricsError } from '../errors.js';
import { shown, wordOption } from '../options.js';
import { GAUGE_RULES, type GaugeRule, PRODUCER_VIEWS } from '../otel/producer-options.js';
import { parseCount, parseDuration } from './archive/amounts.js';
import { type Command, type FlagValues, parseFlags } from './command.js';
import { complain } from './failure.js';
import { print } from './output.js';
import { isLoopback, listen, origin } from './serve/listen.js';
import { namedDirectory, readSettings } from './settings.js';

const HELP = `Usage: cfn-metrics serve --prometheus [OPTION]…

Serve the metrics of all agents on one port: totals that never fall, whatever agents restart, die or idle. Runs until
SIGTERM. The first line of output is the URL. Needs the package @opentelemetry/exporter-prometheus.

  --prometheus         answer Prometheus: /metrics in its text format or in OpenMetrics, and /healthz
  --port PORT          where to listen; 0 takes a free one (default: 9090)
  --host ADDRESS       address to listen on (default: 127.0.0.1)
  --allow-host NAME    a name under which this host is asked, beside localhost and addresses; may be repeated
  --token-file FILE    clients must bear what is in it (default: CFN_METRICS_PROMETHEUS_TOKEN, else none)
  --prefix TEXT        what all names begin with (default: cfn_)
  --per agent|host     a series for each agent, or all agents added up (default: agent)
  --gauge METRIC=RULE  with --per host: mean, min, max or sum of the agents' gauges; * for all others; may be repeated
  --gauge-max-age TIME without a value, after which a gauge is no more (default: 5m)
  --max-series N       series that are kept apart; further ones are added up (default: 20000)
  --snapshot FILE      where the totals are kept for the next start (default: cfn-metrics/prometheus.json in the user's
                       state directory)
  --no-snapshot        keep them nowhere: a start counts what the shards still hold
  --dir DIRECTORY      where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --help               this text

Example: cfn-metrics serve --prometheus --port 9464
`;

const FLAGS = {
  prometheus: 'switch',
  port: 'text',
  host: 'text',
  'allow-host': 'texts',
  'token-file': 'text',
  prefix: 'text',
  per: 'text',
  gauge: 'texts',
  'gauge-max-age': 'text',
  'max-series': 'text',
  snapshot: 'text',
  'no-snapshot': 'switch',
  dir: 'text',
} as const;

type Flags = FlagValues<typeof FLAGS>;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (!flags.prometheus) throw bad('what to serve? There is --prometheus');
  const port = parseCount('--port', flags.port, 0, 65_535) ?? 9090;
  const { host = '127.0.0.1' } = flags;
  const options = await handlerOptions(flags);
  const handler = createPrometheusHandler({ ...options, onError: complain });
  await handler.load();
  const server = await listen(handler, host, port);
  const stopped = new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  if (options.token === undefined && !isLoopback(host)) {
    complain(`whoever reaches ${host} may read all metrics; --token-file asks for a token`);
  }
  print(`${origin(server)}/metrics\n`);
  await stopped;
  server.close();
  server.closeAllConnections();
  await handler.shutdown();
  return 0;
}

async function handlerOptions(flags: Flags): Promise<PrometheusHandlerOptions> {
  const settings = await readSettings(flags);
  if (flags['no-snapshot'] && flags.snapshot !== undefined) {
    throw bad('--snapshot and --no-snapshot exclude each other');
  }
  return {
    directory: namedDirectory(settings),
    per: wordOption('--per', flags.per, 'agent', PRODUCER_VIEWS),
    gauges: gaugeRules(flags.gauge),
    prefix: flags.prefix,
    hosts: flags['allow-host'],
    token: readToken(flags['token-file']),
    gaugeMaxAgeMs: parseDuration('--gauge-max-age', flags['gauge-max-age']),
    maxSeries: parseCount('--max-series', flags['max-series'], 1, 1_000_000),
    snapshotFile: flags['no-snapshot'] ? undefined : (flags.snapshot ?? defaultSnapshot()),
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

/** The token; never told to anybody, and so in no message. */
function readToken(file: string | undefined): string | undefined {
  const { CFN_METRICS_PROMETHEUS_TOKEN: token = '' } = process.env;
  if (file === undefined) return token === '' ? undefined : token;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new MetricsError(
      'ERR_METRICS_OPTION',
      `--token-file ${shown(file)} cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function defaultSnapshot(): string {
  const { XDG_STATE_HOME: state = '' } = process.env;
  return join(state.startsWith('/') ? state : join(homedir(), '.local/state'), 'cfn-metrics/prometheus.json');
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** The metrics of the host, for who asks over HTTP. */
export const serveCommand: Command = { help: HELP, run };
