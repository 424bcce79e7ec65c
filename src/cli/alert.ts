import type { ChannelContext } from '../alert/channels/config.js';
import { createAlerter } from '../alert/create-alerter.js';
import { MetricsError } from '../errors.js';
import { requireDirectory } from '../store/reader.js';
import { listAlerts } from './alert/list.js';
import { logEvent } from './alert/log.js';
import { testNotify } from './alert/notify.js';
import { RulesFile } from './alert/rules-file.js';
import { silenceCommand } from './alert/silence.js';
import { testRules } from './alert/test.js';
import { watchRules } from './alert/watch.js';
import { parseDuration } from './archive/amounts.js';
import { type Command, parseFlags } from './command.js';
import { complain } from './failure.js';
import { counted } from './format.js';
import { print } from './output.js';
import { namedDirectory, readSettings, type SettingFlags } from './settings.js';
import { visible } from './text.js';
import { followerReport } from './up/follower-report.js';
import { reportToSupervisor } from './up/report.js';

const HELP = `Usage: cfn-metrics alert [OPTION]…
       cfn-metrics alert list [--json] [--rules FILE]
       cfn-metrics alert silence add --match LABEL=VALUE… --for TIME --comment TEXT [--author NAME]
       cfn-metrics alert silence list [--json] | expire ID
       cfn-metrics alert test FILE…

Evaluate rules over what agents store, and tell channels: each alert once when it begins, again every five
minutes while it goes on, and once when it is over. Runs until SIGTERM. SIGHUP, or another rules file: reload.

  --rules FILE            YAML or JSON (default: alerts in cfn-metrics.config.yaml or .json, else the rules out of
                          the box: coordination_time_ms, message_delivery_rate, memory_usage_mb)
  --once                  evaluate once, send what is due, and end; for a timer
  --check                 check the rules, say the first mistake of each, and end
  --test-notify CHANNEL   send a test alert and its end to a channel, and end
  --interval TIME         between two evaluations, from 1s (default: interval of the rules, else 30s)
  --state DIRECTORY       where state and silences are kept (default: CFN_METRICS_ALERT_DIR, else cfn-metrics/alert
                          in the user's state directory)
  --dir DIRECTORY         where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --help                  this text

  list                    alerts that are pending or firing
  silence                 keep alerts from being told for a while. LABEL=VALUE, !=, and =~, !~ with * and ?
  test                    unit tests of rules

Limits of the rules out of the box: CFN_METRICS_ALERT_COORDINATION_TIME_MS (10000),
CFN_METRICS_ALERT_DELIVERY_RATE (0.9), CFN_METRICS_ALERT_MEMORY_MB (1000), or the config file.

Example: cfn-metrics alert --rules alerts.yaml --interval 10s
`;

const FLAGS = {
  rules: 'text',
  once: 'switch',
  check: 'switch',
  'test-notify': 'text',
  interval: 'text',
  state: 'text',
  dir: 'text',
} as const;

const MODES = ['once', 'check', 'test-notify'] as const;

async function run(args: readonly string[]): Promise<number> {
  const [first = '', ...rest] = args;
  if (first === 'silence') return silenceCommand(rest, stateOf);
  if (first === 'test') return testRules(rest);
  if (first === 'list') {
    const flags = parseFlags(rest, { json: 'switch', rules: 'text', dir: 'text', state: 'text' } as const);
    return listAlerts(await stateOf(flags), await (await RulesFile.find(flags.rules)).read(), flags.json);
  }
  return alert(args);
}

async function alert(args: readonly string[]): Promise<number> {
  // Before anything else: until there is a handler, a signal ends the process.
  let reload = (): void => undefined;
  process.on('SIGHUP', () => reload());
  const flags = parseFlags(args, FLAGS);
  const modes = MODES.filter((mode) => flags[mode] !== false && flags[mode] !== undefined);
  if (modes.length > 1) throw bad(`--${modes[0]!} and --${modes[1]!} exclude each other`);
  const settings = await readSettings({ ...flags, alertState: flags.state });
  const intervalMs = parseDuration('--interval', flags.interval, ['1s', '1h']);
  const file = await RulesFile.find(flags.rules);
  if (flags.check) return check(file);
  const rules = await file.read();
  const context: ChannelContext = {
    directory: settings.directory.value.path,
    env: process.env,
    write: writeOut,
    colour: process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  };
  if (flags['test-notify'] !== undefined) return testNotify(flags['test-notify'], rules, context);
  requireDirectory(settings.directory.value);
  const directory = namedDirectory(settings);
  const state = settings.alert.alertState.value;
  const options = { state, directory, rules, context, intervalMs, onEvent: logEvent };
  if (flags.once) {
    const alerter = createAlerter({ ...options, metrics: false });
    try {
      return (await alerter.round()) ? 0 : 1;
    } finally {
      await alerter.close();
    }
  }
  const alerter = createAlerter(options);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  alerter.open();
  const watching = watchRules(alerter, file);
  reload = watching.reload;
  reportToSupervisor(() => {
    const { evaluatedAt, lagMs } = alerter.status;
    return followerReport(settings.directory.value, evaluatedAt !== null, lagMs);
  });
  try {
    await alerter.run(stop.signal);
  } finally {
    watching.end();
  }
  return 0;
}

async function check(file: RulesFile): Promise<number> {
  const { rules, problems } = await file.check();
  for (const problem of problems) complain(bad(problem));
  if (rules === undefined) return 2;
  const name = file.path ?? 'the rules out of the box';
  const channels = rules.channels === undefined ? '' : `, ${counted(rules.channels.length, 'channel')}`;
  print(`${visible(name)}: ${counted(rules.names.length, 'rule')}${channels}\n`);
  return 0;
}

async function stateOf(flags: SettingFlags & { readonly state?: string | undefined }): Promise<string> {
  const settings = await readSettings({ dir: flags.dir, alertState: flags.state });
  return settings.alert.alertState.value;
}

function writeOut(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** Rules over what agents store. */
export const alertCommand: Command = { help: HELP, run };
