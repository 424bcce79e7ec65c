import { MetricsError } from '../errors.js';
import { requireDirectory } from '../store/reader.js';
import { parseCount, parseDuration } from './archive/amounts.js';
import { type Command, parseFlags } from './command.js';
import { loadConfig } from './config.js';
import { complain } from './failure.js';
import { print } from './output.js';
import { isLoopback, listen, origin } from './serve/listen.js';
import { namedDirectory, readSettings } from './settings.js';
import { chooseCompanions, COMPANIONS, furtherOptions } from './up/companions.js';
import { healthHandler } from './up/health.js';
import { logCompanion } from './up/log.js';
import { SelfMetrics } from './up/self-metrics.js';
import { Supervisor } from './up/supervisor.js';
import { packageVersion } from './version.js';

const HELP = `Usage: cfn-metrics up [OPTION]…

Run all companions under one supervisor. Each is a process of its own, started again alone when it ends or hangs: after
half a second, and later each time it fails, up to half a minute. Runs until SIGTERM, and then ends them in good order,
archiver and forwarder last. The first line of output is the URL of /health.

${COMPANIONS.map(({ name, purpose }) => `  ${name.padEnd(22)} ${purpose}`).join('\n')}

  --only NAME,…          these companions only; may be repeated
  --without NAME,…       all but these; may be repeated
  --health-port PORT     port of /health, /-/healthy and /-/ready; 0 takes a free one (default:
                         CFN_METRICS_HEALTH_PORT, else 9465)
  --prometheus-port PORT where Prometheus scrapes (default: 9090)
  --answer-port PORT     where the analyzer answers (default: 9466)
  --host ADDRESS         address that all of them listen on (default: 127.0.0.1)
  --window TIME          how much the analyzer keeps (default: 5m)
  --archive DIRECTORY    where the archive is (default: as cfn-metrics archive)
  --rules FILE           rules of the alerter (default: as cfn-metrics alert)
  --state DIRECTORY      where the alerter keeps its state (default: as cfn-metrics alert)
  --dir DIRECTORY        where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --pass NAME=OPTION     a further option of one companion's command; may be repeated
  --stop-timeout TIME    what has not ended by itself after this is killed (default: 50s)
  --hang-after TIME      a companion that does not say how it is for so long is killed (default: 2m)
  --json                 one JSON object a line on stdout, in place of lines on stderr
  --help                 this text

SIGHUP goes to the alerter, which reloads its rules; SIGUSR1 and SIGUSR2 to the archiver: sync, and seal all shards.
Other settings are those of the companions: the environment, and the config file in the working directory.

Example: cfn-metrics up --without prometheus --pass archiver=--interval=1m
`;

const FLAGS = {
  only: 'texts',
  without: 'texts',
  'health-port': 'text',
  'prometheus-port': 'text',
  'answer-port': 'text',
  host: 'text',
  window: 'text',
  archive: 'text',
  rules: 'text',
  state: 'text',
  dir: 'text',
  pass: 'texts',
  'stop-timeout': 'text',
  'hang-after': 'text',
  json: 'switch',
} as const;

const HEALTH_PORT = 9465;
const STOP_MS = 50_000;
const HANG_MS = 120_000;
/** A second signal within this time is the same one, sent twice. */
const AGAIN_MS = 1000;
/** What both may be. */
const TIMES = ['1s', '1d'] as const;
const SIGNALS = [...new Set(COMPANIONS.flatMap(({ signals = [] }) => signals))];

async function run(args: readonly string[]): Promise<number> {
  // Before anything else: without a handler each of them ends the process, or opens Node's inspector.
  let handOn: (signal: NodeJS.Signals) => void = () => undefined;
  for (const signal of SIGNALS) process.on(signal, () => handOn(signal));
  const flags = parseFlags(args, FLAGS);
  const further = furtherOptions(flags.pass);
  const kinds = chooseCompanions(flags.only, flags.without, await demanded(further));
  const stopMs = parseDuration('--stop-timeout', flags['stop-timeout'], TIMES) ?? STOP_MS;
  const hangMs = parseDuration('--hang-after', flags['hang-after'], TIMES) ?? HANG_MS;
  const { 'health-port': portFlag, host = '127.0.0.1', json } = flags;
  // 0 is a port here, and none for the setting
  const settings = await readSettings({ ...flags, 'health-port': undefined });
  const port = parseCount('--health-port', portFlag, 0, 65_535) ?? settings.archive.healthPort.value;
  requireDirectory(settings.directory.value);

  let refuse: (error: MetricsError) => void = () => undefined;
  const refused = new Promise<MetricsError>((resolve) => (refuse = resolve));
  const supervisor = new Supervisor({
    ...{ kinds, hangMs },
    argsOf: (kind) => [...kind.args(flags), ...(further.get(kind.name) ?? [])],
    onEvent: (name, event) => logCompanion(name, event, json),
    onRefusal: (name, error) => refuse(bad(`${name} cannot be started: ${error}`)),
  });
  const about = { version: packageVersion(), pid: process.pid, since: new Date().toISOString() };
  const server = await listen(
    healthHandler(() => supervisor.status, about, []),
    host,
    port ?? HEALTH_PORT,
    'health-port',
  );
  const stopped = new Promise<undefined>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined));
  });
  const url = `${origin(server)}/health`;
  if (!isLoopback(host)) complain(`whoever reaches ${host} may read how the companions are`);
  print(
    json ? `${JSON.stringify({ time: new Date().toISOString(), type: 'listening', url })}\n` : `${url}\n`,
  );
  supervisor.start();
  handOn = (signal) => supervisor.signal(signal);
  const metrics = new SelfMetrics(namedDirectory(settings), () => supervisor.status);
  const refusal = await Promise.race([stopped, refused]);
  // Who cannot wait says so twice; timeout(1) and others tell the process and its group, which is once.
  const endsAt = performance.now();
  let forced = false as boolean;
  const force = (): void => {
    if (performance.now() - endsAt < AGAIN_MS) return;
    forced = true;
    supervisor.kill();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, force);
  metrics.tell();
  await metrics.close();
  const killed = await supervisor.stop(stopMs);
  server.close();
  server.closeAllConnections();
  if (refusal !== undefined) throw refusal;
  if (killed.length > 0)
    complain(`${killed.join(', ')} did not end within ${stopMs / 1000} s, and was killed`);
  return killed.length === 0 && !forced ? 0 : 1;
}

/** Companions that somebody gave something to do: by an option, or backends to forward to in the config file. */
async function demanded(further: ReadonlyMap<string, unknown>): Promise<ReadonlySet<string>> {
  const names = new Set(further.keys());
  const config = await loadConfig(process.cwd());
  const forward = config?.values['forward'] as { readonly to?: unknown } | null | undefined;
  // whether they can be forwarded to is for the forwarder to judge
  if (forward?.to !== undefined) names.add('forwarder');
  return names;
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** All companions under one supervisor. */
export const upCommand: Command = { help: HELP, run };
