import { MetricsError } from '../errors.js';
import { requireDirectory } from '../store/reader.js';
import { parseCount } from './archive/amounts.js';
import { type Command, parseFlags } from './command.js';
import { complain } from './failure.js';
import { print } from './output.js';
import { answerService, ANSWER_FLAGS } from './serve/answers.js';
import { isLoopback, listen, origin } from './serve/listen.js';
import { PROMETHEUS_FLAGS, prometheusService } from './serve/prometheus.js';
import { readToken } from './serve/token.js';
import { namedDirectory, readSettings } from './settings.js';
import { reportToSupervisor } from './up/report.js';

const HELP = `Usage: cfn-metrics serve --prometheus|--answers [OPTION]…

Serve on one port, until SIGTERM, the metrics of all agents: to Prometheus, as totals that never fall, whatever agents
restart, die or idle (needs the package @opentelemetry/exporter-prometheus), or as answers to questions about the last
minutes, which are kept in memory. The first line of output is the URL.

  --prometheus         answer Prometheus: /metrics in its text format or in OpenMetrics, and /healthz
  --answers            answer /answer with what analyze --json prints: /answer?window=30s&metric=*_ms&group-by=agent
  --port PORT          where to listen; 0 takes a free one (default: 9090, with --answers 9466)
  --host ADDRESS       address to listen on (default: 127.0.0.1)
  --allow-host NAME    a name under which this host is asked, beside localhost and addresses; may be repeated
  --token-file FILE    clients must bear what is in it (default: CFN_METRICS_PROMETHEUS_TOKEN, else none)
  --dir DIRECTORY      where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --help               this text

With --prometheus:
  --prefix TEXT        what all names begin with (default: cfn_)
  --per agent|host     a series for each agent, or all agents added up (default: agent)
  --gauge METRIC=RULE  with --per host: mean, min, max or sum of the agents' gauges; * for all others; may be repeated
  --gauge-max-age TIME without a value, after which a gauge is no more (default: 5m)
  --max-series N       series that are kept apart; further ones are added up (default: 20000)
  --snapshot FILE      where the totals are kept for the next start (default: a file for each directory of shards and
                       each --per in cfn-metrics/prometheus in the user's state directory)
  --no-snapshot        keep them nowhere: a start counts what the shards still hold

With --answers:
  --window TIME        how much is kept, 1s to 1d (default: 5m). A question takes window=TIME or since= and until=, metric=,
                       agent=, group-by=, quantile=, top=, by= and over=, which mean what they mean to analyze

Example: cfn-metrics serve --prometheus --port 9464
`;

const FLAGS = {
  prometheus: 'switch',
  answers: 'switch',
  port: 'text',
  host: 'text',
  'allow-host': 'texts',
  'token-file': 'text',
  dir: 'text',
  ...PROMETHEUS_FLAGS,
  ...ANSWER_FLAGS,
} as const;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (!flags.prometheus && !flags.answers) throw bad('what to serve? There are --prometheus and --answers');
  if (flags.prometheus && flags.answers) throw bad('--prometheus and --answers exclude each other');
  const [foreign, what] = flags.answers
    ? ([PROMETHEUS_FLAGS, 'prometheus'] as const)
    : ([ANSWER_FLAGS, 'answers'] as const);
  const strange = (Object.keys(foreign) as (keyof typeof flags)[]).find((name) => flags[name]);
  if (strange !== undefined) throw bad(`--${strange} belongs to --${what}`);
  const port = parseCount('--port', flags.port, 0, 65_535) ?? (flags.answers ? 9466 : 9090);
  const { host = '127.0.0.1' } = flags;
  const settings = await readSettings(flags);
  const token = readToken(flags['token-file']);
  requireDirectory(settings.directory.value);
  const context = { directory: namedDirectory(settings), hosts: flags['allow-host'], token };
  const service = flags.answers
    ? answerService(flags, context, settings)
    : await prometheusService(flags, context, settings);
  const server = await listen(service.handler, host, port).catch(async (error: unknown) => {
    await service.end();
    throw error;
  });
  const stopped = new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  if (token === undefined && !isLoopback(host)) {
    complain(`whoever reaches ${host} may read all metrics; --token-file asks for a token`);
  }
  const url = `${origin(server)}${service.path}`;
  print(`${url}\n`);
  reportToSupervisor(() => ({ ...service.report(), url }));
  await stopped;
  server.close();
  server.closeAllConnections();
  await service.end();
  return 0;
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** The metrics of the host, for who asks over HTTP. */
export const serveCommand: Command = { help: HELP, run };
