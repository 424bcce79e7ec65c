import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { requireDirectory } from '../store/reader.js';
import { type Command, parseFlags } from './command.js';
import { print } from './output.js';
import { bad } from './setting.js';
import { readSettings, type Settings } from './settings.js';
import { AGENTS_ARGUMENT, runNodeAgents } from './simulate/node-agents.js';
import { readSimulation, SIMULATION_FLAGS } from './simulate/options.js';
import { reportLines, whatFailed } from './simulate/report.js';
import { resultOf } from './simulate/result.js';
import { simulate } from './simulate/run.js';
import { outputStyle } from './style.js';

const HELP = `Usage: cfn-metrics simulate [OPTION]…

Run a coordination of many agents on this machine, to see what it bears and what metrics cost: real processes, each
bash agent one of its own, those in TypeScript some to a process. Each round the coordinator sends every agent a
message over a pipe; the agent does a task, which takes processor time and memory, and acknowledges. An agent stores
three metrics when it starts, and then as often as it is told to. Status 1 where a message or a record was lost.

  --agents N           how many, 1 to 10000 (default: 100)
  --duration TIME      how long they coordinate, once all have started (default: 30s)
  --mix TS:BASH        agents in TypeScript to agents in bash (default: 1:1)
  --metrics on|off     off is for comparison (default: on); also --metrics-enabled and --no-metrics
  --messages-per-second M
                       messages to each agent, 0.001 to 1000 (default: 1)
  --report-every TIME  time between two reports of an agent, of three records each (default: 15m, which is 144,000
                       records a day of 500 agents)
  --task-cpu TIME      processor time of a task, 0s to 60s (default: 2ms)
  --node-processes P   how many processes the agents in TypeScript share (default: 24, or as many as there are)
  --shards N           number of shards (default: CFN_METRICS_SHARDS, else 16)
  --dir DIRECTORY      store the records there and leave them, in a directory that others may use as well
                       (default: a new directory beside the shards, removed at the end)
  --keep               leave the new directory
  --json               print all that was measured as one JSON object
  --quiet              print nothing but the milliseconds from the first message to the end of the coordination
  --help               this text

Ctrl-C ends it early and tells what it came to until then; a second one ends it at once.

Example: cfn-metrics simulate --agents 500 --duration 1m --report-every 10s
`;

const FLAGS = {
  ...SIMULATION_FLAGS,
  shards: 'text',
  dir: 'text',
  keep: 'switch',
  json: 'switch',
  quiet: 'switch',
} as const;

async function run(args: readonly string[]): Promise<number> {
  if (args[0] === AGENTS_ARGUMENT) return runNodeAgents(args[1] ?? '');
  const flags = parseFlags(args, FLAGS);
  const simulation = readSimulation(flags);
  if (flags.json && flags.quiet) throw bad('--json and --quiet exclude each other');
  const settings = await readSettings(flags);
  const made = flags.dir === undefined && simulation.metrics;
  const directory = made ? makeDirectory(settings) : settings.directory.value.path;
  if (!made && simulation.metrics) requireDirectory(settings.directory.value);
  const kept = !made || flags.keep;

  const stop = new Stop();
  try {
    const destination = { directory, shards: settings.shards.value, run: mark() };
    const outcome = await simulate(simulation, destination, stop, () => stop.mayEndEarly());
    const result = resultOf({ ...outcome, directory: kept && simulation.metrics ? directory : null });
    if (flags.json) print(`${JSON.stringify(result)}\n`);
    else if (flags.quiet) print(`${Math.round(result.coordination.totalMs)}\n`);
    else print(`${reportLines(result, outputStyle()).join('\n')}\n`);
    return whatFailed(result).length === 0 ? 0 : 1;
  } finally {
    stop.release();
    if (!kept) rmSync(directory, { recursive: true, force: true });
  }
}

/** A directory of its own where the shards are, and so in RAM where those are: nobody's metrics are mixed with these. */
function makeDirectory(settings: Settings): string {
  const { path, explicit } = settings.directory.value;
  requireDirectory(settings.directory.value);
  try {
    if (!explicit) mkdirSync(path, { recursive: true, mode: 0o700 });
    return mkdtempSync(join(path, 'cfn-metrics-simulate-'));
  } catch (cause) {
    throw new MetricsError(
      'ERR_METRICS_DIRECTORY',
      `cannot make a directory in ${path}: ${(cause as Error).message}; --dir names another one`,
      { cause },
    );
  }
}

/** Marks the records of one simulation. */
function mark(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How signals end a simulation: the first Ctrl-C early, once agents coordinate; everything else at once. */
class Stop {
  readonly #early = new AbortController();
  readonly #atOnce = new AbortController();
  #coordinating = false;
  readonly early = this.#early.signal;
  readonly atOnce = this.#atOnce.signal;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  mayEndEarly(): void {
    this.#coordinating = true;
  }

  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' && this.#coordinating && !this.early.aborted) this.#early.abort();
    else this.#atOnce.abort();
  };
}

/** A fleet of agents, to size a machine with. */
export const simulateCommand: Command = { help: HELP, run };
