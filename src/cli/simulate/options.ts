import { shown } from '../../options.js';
import { LONGEST_TIMER, parseCount, parseDuration } from '../archive/amounts.js';
import type { FlagValues } from '../command.js';
import { bad } from '../setting.js';

/** The flags that say what is simulated. */
export const SIMULATION_FLAGS = {
  agents: 'text',
  duration: 'text',
  mix: 'text',
  metrics: 'text',
  'metrics-enabled': 'switch',
  'no-metrics': 'switch',
  'messages-per-second': 'text',
  'report-every': 'text',
  'task-cpu': 'text',
  'node-processes': 'text',
} as const;

/** What is simulated. */
export interface Simulation {
  readonly agents: number;
  /** How many of them are written in TypeScript; these have the lowest numbers, the others are bash. */
  readonly typescript: number;
  /** How many processes those in TypeScript share. */
  readonly nodeProcesses: number;
  readonly durationMs: number;
  readonly messagesPerSecond: number;
  readonly reportEveryMs: number;
  /** Processor time of a task. */
  readonly taskMs: number;
  readonly metrics: boolean;
}

/** What an agent reports each time. */
export const METRICS = ['coordination_time_ms', 'message_delivery_rate', 'memory_usage_mb'] as const;

/** 288 records an agent and day, which is what 144,000 records a day of 500 agents are. */
export const DESIGN_REPORT_EVERY_MS = 900_000;

/** Each takes some 50 MB and a tenth of a second of processor time to start. */
const DEFAULT_NODE_PROCESSES = 24;
const MAX_AGENTS = 10_000;

/**
 * Reads what is to be simulated.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` naming the flag and its value.
 */
export function readSimulation(flags: FlagValues<typeof SIMULATION_FLAGS>): Simulation {
  const agents = parseCount('--agents', flags.agents, 1, MAX_AGENTS) ?? 100;
  const typescript = inTypeScript(agents, flags.mix);
  const processes =
    parseCount('--node-processes', flags['node-processes'], 1, 1000) ?? DEFAULT_NODE_PROCESSES;
  return {
    agents,
    typescript,
    nodeProcesses: Math.min(processes, typescript),
    durationMs: parseDuration('--duration', flags.duration, ['100ms', LONGEST_TIMER]) ?? 30_000,
    messagesPerSecond: messages(flags['messages-per-second']),
    reportEveryMs:
      parseDuration('--report-every', flags['report-every'], ['10ms', LONGEST_TIMER]) ??
      DESIGN_REPORT_EVERY_MS,
    taskMs: parseDuration('--task-cpu', flags['task-cpu'], ['0s', '60s']) ?? 2,
    metrics: metricsOn(flags),
  };
}

/** How many agents are in TypeScript, by `TS:BASH`. */
function inTypeScript(agents: number, mix = '1:1'): number {
  const [, typescript, bash] = (/^(\d{1,4}):(\d{1,4})$/.exec(mix) ?? []).map(Number);
  if (typescript === undefined || bash === undefined || typescript + bash === 0) {
    throw bad(`--mix must be TS:BASH, such as 1:1 or 0:1, got ${shown(mix)}`);
  }
  return Math.round((agents * typescript) / (typescript + bash));
}

function messages(text = '1'): number {
  const rate = /^\d{1,4}(?:\.\d{1,6})?$/.test(text) ? Number(text) : NaN;
  if (rate >= 0.001 && rate <= 1000) return rate;
  throw bad(`--messages-per-second must be a number from 0.001 to 1000, got ${shown(text)}`);
}

function metricsOn(flags: FlagValues<typeof SIMULATION_FLAGS>): boolean {
  const { metrics, 'metrics-enabled': enabled, 'no-metrics': disabled } = flags;
  if (metrics !== undefined && metrics !== 'on' && metrics !== 'off') {
    throw bad(`--metrics must be on or off, got ${shown(metrics)}`);
  }
  const on = metrics === 'on' || enabled;
  const off = metrics === 'off' || disabled;
  if (on && off) throw bad('metrics are both on and off: --metrics, --metrics-enabled, --no-metrics');
  return !off;
}
