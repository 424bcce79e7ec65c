import type { Asking } from './asking.js';
import type { Durations } from './durations.js';
import type { Kind, Measurements } from './measurements.js';
import type { Simulation } from './options.js';
import { METRICS } from './options.js';
import type { ProcessorTime } from './processor-time.js';
import type { Stored } from './stored.js';

const DAY_MS = 86_400_000;

/** What is known when a simulation is over. */
export interface Outcome {
  readonly simulation: Simulation;
  readonly measurements: Measurements;
  /** Milliseconds until all agents were ready and had reported. */
  readonly startMs: number;
  /** Milliseconds from the first message to the end. */
  readonly coordinationMs: number;
  /** Processor time until the coordination began, and until it ended. */
  readonly processor: { readonly begin: ProcessorTime; readonly end: ProcessorTime };
  readonly memoryBytes: number | null;
  /** Undefined without metrics. */
  readonly stored: Stored | undefined;
  readonly asking: Asking | undefined;
  /** Processes that ended before they should have. */
  readonly lost: number;
  /** Where the records are; null where they are gone. */
  readonly directory: string | null;
}

/** What `simulate --json` prints. Times are in milliseconds where they do not say otherwise. */
export type SimulationResult = ReturnType<typeof resultOf>;

/** Sums a simulation up. */
export function resultOf(outcome: Outcome) {
  const { simulation, measurements, startMs, coordinationMs, stored, asking } = outcome;
  const { messages, sent, rounds } = measurements;
  const { agents, typescript, nodeProcesses } = simulation;
  return {
    agents,
    typescript: { agents: typescript, processes: nodeProcesses },
    bash: { agents: agents - typescript, processes: agents - typescript },
    metrics: simulation.metrics,
    messagesPerSecond: simulation.messagesPerSecond,
    reportEveryMs: simulation.reportEveryMs,
    taskMs: simulation.taskMs,
    startMs,
    coordination: { totalMs: coordinationMs, rounds: rounds.count, ...spread(rounds) },
    messages: {
      sent,
      acknowledged: messages.count,
      deliveryPercent: percent(messages.count, sent),
      ...spread(messages),
    },
    records: recordsOf(outcome),
    shards: stored?.shards ?? [],
    emission: { typescript: emission(measurements, 'typescript'), bash: emission(measurements, 'bash') },
    processor: processorOf(outcome),
    analysis: asking && {
      asked: asking.count,
      medianMs: asking.medianMs,
      medianCpuMs: asking.medianCpuMs,
      firstMs: asking.firstMs,
      records: asking.records,
    },
    memory: { agentsBytes: outcome.memoryBytes, shardsBytes: stored?.bytes ?? 0 },
    lostProcesses: outcome.lost,
    directory: outcome.directory,
  };
}

function spread(durations: Durations) {
  return {
    p50Ms: durations.quantile(0.5),
    p95Ms: durations.quantile(0.95),
    p99Ms: durations.quantile(0.99),
    maxMs: durations.quantile(1),
  };
}

function recordsOf({ simulation, measurements, stored }: Outcome) {
  const { emitted, acknowledged } = measurements;
  const bytesEach = stored === undefined || stored.records === 0 ? null : stored.bytes / stored.records;
  const aDay = simulation.metrics
    ? (simulation.agents * METRICS.length * DAY_MS) / simulation.reportEveryMs
    : 0;
  return {
    emitted,
    acknowledged,
    stored: stored?.records ?? 0,
    deliveryPercent: percent(stored?.records ?? 0, emitted),
    agentsSeen: stored?.agents ?? 0,
    dropped: stored?.dropped ?? {},
    bytesEach,
    aDay,
    bytesADay: bytesEach === null ? null : aDay * bytesEach,
  };
}

function emission(measurements: Measurements, kind: Kind) {
  const us = measurements.emissions(kind);
  return {
    count: us.count,
    p50Us: us.quantile(0.5),
    p95Us: us.quantile(0.95),
    p99Us: us.quantile(0.99),
    maxUs: us.quantile(1),
  };
}

/**
 * Where the processor time went. An emission's is that which agents in TypeScript measured, and for bash, which has no
 * clock for it, of each metric the median of the durations times their number.
 */
function processorOf({ processor: { begin, end }, measurements }: Outcome) {
  const start = {
    totalMs: begin.totalUs / 1000,
    emissionMs: (begin.emissionUs + measurements.emissionUs('bash', 'start')) / 1000,
  };
  const coordination = {
    totalMs: (end.totalUs - begin.totalUs) / 1000,
    emissionMs: (end.emissionUs - begin.emissionUs + measurements.emissionUs('bash', 'coordination')) / 1000,
    /** By the clock on the wall, whoever else had the processor meanwhile: no less than `emissionMs` can be. */
    emissionWallMs: measurements.emissionWallUs('coordination') / 1000,
  };
  return {
    start,
    coordination,
    /** Of the coordination, once agents had started. */
    overheadPercent: percent(coordination.emissionMs, coordination.totalMs),
    /** Of all, the start of the processes and the first record of each series with it. */
    overheadWithStartPercent: percent(
      start.emissionMs + coordination.emissionMs,
      start.totalMs + coordination.totalMs,
    ),
  };
}

function percent(part: number, whole: number): number | null {
  return whole > 0 ? (100 * part) / whole : null;
}
