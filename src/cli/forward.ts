import { readFile } from 'node:fs/promises';
import { createForwarder, type Forwarder } from '../forward/forwarder.js';
import type { ForwarderOptions } from '../forward/options.js';
import { FORWARDER_GAUGE_RULES, type ForwarderGaugeRule } from '../forward/options.js';
import { shown } from '../options.js';
import { LONGEST_TIMER, parseDuration } from './archive/amounts.js';
import { type Command, type FlagValues, parseFlags } from './command.js';
import { loadConfig } from './config.js';
import { complain } from './failure.js';
import { type BackendKind, BACKENDS, type TargetFlags } from './forward/backends.js';
import { logForward } from './forward/log.js';
import {
  backendKind,
  backendOptions,
  type ForwardConfig,
  forwarderOptions,
  forwardState,
  pairs,
  readForwardConfig,
} from './forward/settings.js';
import { Troubles } from './forward/troubles.js';
import { print } from './output.js';
import { bad } from './setting.js';
import { namedDirectory, readSettings } from './settings.js';
import { reportToSupervisor } from './up/report.js';

const HELP = `Usage: cfn-metrics forward --to BACKEND… [OPTION]…

Forward what all agents store, added up every ten seconds, with its own times: everything, once, however long a backend
is away. What is sent is on disk before, and goes on being sent until it is accepted. Runs until SIGTERM, and then
forwards what is stored by then.

  --to BACKEND         where to; may be repeated, each has its own position:
${Object.entries(BACKENDS)
  .map(([name, { purpose }]) => `                         ${name}: ${purpose}`)
  .join('\n')}
  --url URL            where it is (default: that of its environment variables, or its own)
  --preset NAME        otlp and prometheus-remote-write: the receiver, where its paths and headers are known
  --user NAME          user of a basic authorization, whose password is the token
  --token-file FILE    the key or token is in it
  --tenant NAME        tenant of Mimir, dataset of Honeycomb
  --header NAME=VALUE  a further header; may be repeated
  --check              send one point, say what came back, and end
  --once               forward all that is stored now, and end; for a timer
  --timeout TIME       how long --once may take, and the end after SIGTERM (default: 1m, 10s)
  --interval TIME      how much is added up (default: 10s)
  --raw                each stored gauge as a point, in place of the last one of an interval
  --per agent|host     a series for each agent, or all agents added up (default: agent)
  --gauge METRIC=RULE  with --per host: mean, sum, min, max or last of the agents' gauges; * for all others
  --allow PATTERN      these metrics only, with * and ?; may be repeated
  --deny PATTERN       not these metrics; may be repeated
  --rename OLD=NEW     another name for a metric; may be repeated
  --unit METRIC=UNIT   another unit for a metric; may be repeated
  --host NAME          name of this host (default: that of the system)
  --resource KEY=VALUE an attribute of everything, such as deployment.environment=prod; may be repeated
  --from start|end     where to begin the first time: with all that is stored, or from now on (default: start)
  --state DIRECTORY    where positions and unsent points are kept (default: CFN_METRICS_FORWARD_DIR, else
                       cfn-metrics/forward in the user's state directory)
  --dir DIRECTORY      where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --json               one JSON object an event on stdout, in place of lines on stderr
  --help               this text

All of it may stand in the config file under forward, and for one backend under its name in there.

Example: cfn-metrics forward --to prometheus-remote-write --url http://127.0.0.1:8428 --preset victoriametrics
`;

const FLAGS = {
  to: 'texts',
  url: 'text',
  preset: 'text',
  user: 'text',
  'token-file': 'text',
  tenant: 'text',
  header: 'texts',
  check: 'switch',
  once: 'switch',
  timeout: 'text',
  interval: 'text',
  raw: 'switch',
  per: 'text',
  gauge: 'texts',
  allow: 'texts',
  deny: 'texts',
  rename: 'texts',
  unit: 'texts',
  host: 'text',
  resource: 'texts',
  from: 'text',
  state: 'text',
  dir: 'text',
  json: 'switch',
} as const;

type Flags = FlagValues<typeof FLAGS>;

const ONCE_MS = 60_000;
const FLUSH_MS = 10_000;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (flags.check && flags.once) throw bad('--check and --once exclude each other');
  const limitMs = parseDuration('--timeout', flags.timeout, ['0s', LONGEST_TIMER]);
  const settings = await readSettings({ dir: flags.dir });
  const config = readForwardConfig(await loadConfig(process.cwd()));
  const names = [...new Set(flags.to ?? config.to ?? [])];
  if (names.length === 0) throw bad(`where to? --to takes ${Object.keys(BACKENDS).join(', ')}`);
  const troubles = new Troubles();
  const common: Pick<ForwarderOptions, 'state' | 'directory' | 'metrics' | 'onEvent'> = {
    state: forwardState(flags.state, config.state, settings.directory.value.path, process.env),
    directory: namedDirectory(settings),
    metrics: !flags.check && !flags.once,
    onEvent: (event) => {
      troubles.hear(event);
      logForward(event, flags.json);
    },
  };
  const target = await targetFlags(flags, names);
  const forwarders: [string, Forwarder][] = [];
  // all of them are checked before any begins
  for (const name of names) {
    forwarders.push([
      name,
      createForwarder({ ...(await optionsFor(name, flags, target, config)), ...common }),
    ]);
  }
  if (flags.check) return check(forwarders, flags.json);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  reportToSupervisor(() => troubles.report(forwarders.map(([, forwarder]) => forwarder)));
  // The limit of --once counts from its beginning.
  if (flags.once) end();
  const flushMs = limitMs ?? (flags.once ? ONCE_MS : FLUSH_MS);
  const results = await Promise.allSettled(
    forwarders.map(async ([, forwarder]) => {
      const limits = { signal: stop.signal, flushMs };
      try {
        return await (flags.once ? forwarder.once(limits) : forwarder.run(limits));
      } catch (error) {
        // one that cannot begin ends the others too: it is not to be missed
        end();
        throw error;
      } finally {
        await forwarder.close();
      }
    }),
  );
  for (const result of results) if (result.status === 'rejected') complain(result.reason);
  const done = results.every((result) => result.status === 'fulfilled' && result.value);
  const refused = forwarders.some(([, { stats }]) => stats.deadLettered + stats.partiallyRefused > 0);
  return done && !(flags.once && refused) ? 0 : 1;
}

async function check(forwarders: readonly [string, Forwarder][], json: boolean): Promise<number> {
  let ok = true;
  for (const [name, forwarder] of forwarders) {
    const result = await forwarder.check();
    ok &&= result.ok;
    print(json ? `${JSON.stringify({ backend: name, ...result })}\n` : `${name}: ${result.message}\n`);
    await forwarder.close();
  }
  return ok ? 0 : 1;
}

async function optionsFor(
  name: string,
  flags: Flags,
  target: TargetFlags,
  config: ForwardConfig,
): Promise<ForwarderOptions> {
  const section = config.sections[name] ?? {};
  const { options, flags: names, create } = backendKind(name);
  const own = Object.entries(section).filter(([key]) => !options.includes(key));
  const { backend, timeoutMs } = await create(
    backendOptions(name, section, process.env),
    renamed(target, names),
    process.env,
  );
  const general = forwarderOptions({ ...config.general, ...Object.fromEntries(own), ...generalFlags(flags) });
  return { timeoutMs, ...defined(general), backend, name, state: '' };
}

/** What flags say of the backend, as its own options. */
function renamed(target: TargetFlags, names: BackendKind['flags']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(target).map(([flag, value]) => [names[flag as keyof TargetFlags]!, value]),
  );
}

async function targetFlags(flags: Flags, names: readonly string[]): Promise<TargetFlags> {
  const { url, preset, user, tenant, header, 'token-file': tokenFile } = flags;
  const target = defined({
    ...{ url, preset, user, tenant, headers: pairs('--header', header) },
    token: tokenFile === undefined ? undefined : await readToken(tokenFile),
  }) as TargetFlags;
  const shownAs: Record<string, string> = { token: 'token-file', headers: 'header' };
  for (const flag of Object.keys(target) as (keyof TargetFlags)[]) {
    const written = `--${shownAs[flag] ?? flag}`;
    if (names.length > 1) throw bad(`${written} needs one --to; of several, say it in the config file`);
    if (backendKind(names[0]!).flags[flag] === undefined)
      throw bad(`${written} means nothing to ${names[0]!}`);
  }
  return target;
}

function generalFlags(flags: Flags): Record<string, unknown> {
  const { interval, per, allow, deny, host, from } = flags;
  if (per !== undefined && per !== 'agent' && per !== 'host') {
    throw bad(`--per must be agent or host, got ${shown(per)}`);
  }
  if (from !== undefined && from !== 'start' && from !== 'end') {
    throw bad(`--from must be start or end, got ${shown(from)}`);
  }
  return defined({
    ...{ interval, allow, deny, host, from },
    raw: flags.raw ? true : undefined,
    perAgent: per === undefined ? undefined : per === 'agent',
    gauges: gaugeRules(flags.gauge),
    rename: pairs('--rename', flags.rename),
    units: pairs('--unit', flags.unit),
    resource: pairs('--resource', flags.resource),
  });
}

function gaugeRules(texts: readonly string[] | undefined): Record<string, ForwarderGaugeRule> | undefined {
  const rules = pairs('--gauge', texts);
  for (const rule of Object.values(rules ?? {})) {
    if (FORWARDER_GAUGE_RULES.some((known) => known === rule)) continue;
    throw bad(`--gauge must be METRIC=${FORWARDER_GAUGE_RULES.join('|')}, got ${shown(rule)}`);
  }
  return rules as Record<string, ForwarderGaugeRule> | undefined;
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw bad(`--token-file ${shown(file)} cannot be read: ${(cause as Error).message}`);
  }
}

function defined(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** The metrics of the host, brought to who keeps them. */
export const forwardCommand: Command = { help: HELP, run };
