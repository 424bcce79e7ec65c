import { MetricsError } from '../errors.js';
import type { Command } from './command.js';
import { exitCodeOf, complain } from './failure.js';
import { print, watchOutput } from './output.js';
import { nearest } from './suggest.js';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Each command is loaded when it is called: starting costs more than most answers. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  analyze: {
    summary: 'count, average, extremes and quantiles of what is in the shards',
    load: async () => (await import('./analyze.js')).analyzeCommand,
  },
  watch: {
    summary: 'watch all metrics live: rates, quantiles, trends, drops and lag',
    load: async () => (await import('./watch.js')).watchCommand,
  },
  cat: {
    summary: 'print the stored records once each, for jq and other tools',
    load: async () => (await import('./cat.js')).catCommand,
  },
  tail: {
    summary: 'print records as they are written',
    load: async () => (await import('./tail.js')).tailCommand,
  },
  archive: {
    summary: 'copy the shards to disk, compress and keep them, and keep RAM bounded',
    load: async () => (await import('./archive.js')).archiveCommand,
  },
  serve: {
    summary: 'serve the metrics of all agents to Prometheus, on one port',
    load: async () => (await import('./serve.js')).serveCommand,
  },
  forward: {
    summary: 'forward the metrics of all agents to OTLP, Datadog, New Relic, Prometheus, …',
    load: async () => (await import('./forward.js')).forwardCommand,
  },
  alert: {
    summary: 'evaluate rules over what agents store, and tell the console, a log, Slack, PagerDuty, …',
    load: async () => (await import('./alert.js')).alertCommand,
  },
  up: {
    summary: 'run all of these companions under one supervisor',
    load: async () => (await import('./up.js')).upCommand,
  },
  doctor: {
    summary: 'check directory, rights, lock, space and shards, and show every setting',
    load: async () => (await import('./doctor.js')).doctorCommand,
  },
  simulate: {
    summary: 'run a coordination of many agents, to see what this machine bears and what metrics cost',
    load: async () => (await import('./simulate.js')).simulateCommand,
  },
  init: {
    summary: 'create the shards for agents of several users',
    load: async () => (await import('./init.js')).initCommand,
  },
};

const NAMES = [...Object.keys(COMMANDS), 'help'];

/**
 * Runs a command.
 *
 * @param args - What stands behind `cfn-metrics`.
 * @returns The exit code: 0 done, 1 failed or found a problem, 2 bad usage. What went wrong is one line on stderr.
 */
export async function main(args: readonly string[]): Promise<number> {
  watchOutput();
  try {
    return await dispatch(args);
  } catch (error) {
    complain(error);
    return exitCodeOf(error);
  }
}

async function dispatch([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined) {
    complain(new MetricsError('ERR_METRICS_OPTION', `which command? One of ${NAMES.join(', ')}`));
    return 2;
  }
  if (name === '--version' || name === '-v') {
    const { packageVersion } = await import('./version.js');
    print(`${packageVersion()}\n`);
    return 0;
  }
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0]);
  const { load } = find(name);
  const command = await load();
  if (asksForHelp(rest)) {
    print(command.help);
    return 0;
  }
  return command.run(rest);
}

async function help(name: string | undefined): Promise<number> {
  if (name === undefined || name === 'help') print(overview());
  else print((await find(name).load()).help);
  return 0;
}

function find(name: string): Entry {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]!;
  const guess = nearest(name, NAMES);
  const hint = guess === undefined ? `there are ${NAMES.join(', ')}` : `did you mean ${guess}?`;
  const kind = name.startsWith('-') ? 'option' : 'command';
  throw new MetricsError('ERR_METRICS_OPTION', `unknown ${kind} ${JSON.stringify(name)}; ${hint}`);
}

function asksForHelp(args: readonly string[]): boolean {
  return args.some((arg) => arg === '--help' || arg === '-h');
}

function overview(): string {
  const width = Math.max(...NAMES.map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: cfn-metrics COMMAND [OPTION]…

Metrics of many processes on one host, without a daemon.

${lines.join('\n')}
  ${'help'.padEnd(width)}  explain a command: cfn-metrics help analyze

Every command takes --help. Settings come from flags, then from the environment (CFN_METRICS_DIR,
CFN_METRICS_SHARDS, CFN_AGENT_ID), then from cfn-metrics.config.yaml or .json in the working directory.
Exit status: 0 done, also with nothing to show; 1 failed, or found a problem; 2 bad usage.

Example: cfn-metrics analyze --since 5m --group-by metric,agent
`;
}
