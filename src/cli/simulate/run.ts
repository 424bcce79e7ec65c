import { MetricsError } from '../../errors.js';
import { formatDuration } from '../format.js';
import { Asking } from './asking.js';
import { agentCommands, type Destination } from './commands.js';
import { Coordination } from './coordination.js';
import { Crew } from './crew.js';
import { Measurements } from './measurements.js';
import { memoryOf } from './memory.js';
import type { Simulation } from './options.js';
import { ProcessorTimes } from './processor-time.js';
import type { Outcome } from './result.js';
import { StatusLine } from './status-line.js';
import { countStored } from './stored.js';

/** How a simulation is ended before its time. */
export interface Ending {
  /** Ends the coordination now; what it came to is told. */
  readonly early: AbortSignal;
  /** Ends everything at once. */
  readonly atOnce: AbortSignal;
}

/**
 * Runs a simulation.
 *
 * @param onCoordinating - Called when all agents have started.
 * @throws MetricsError `ERR_METRICS_STORE` where agents cannot be started, or it was ended at once. No process is left,
 * however it ends.
 */
export async function simulate(
  simulation: Simulation,
  destination: Destination,
  ending: Ending,
  onCoordinating: () => void,
): Promise<Omit<Outcome, 'directory'>> {
  const crew = new Crew();
  const status = new StatusLine();
  const kill = (): void => void crew.kill();
  ending.atOnce.addEventListener('abort', kill);
  try {
    return await coordinate(simulation, destination, ending, onCoordinating, crew, status);
  } catch (error) {
    throw ending.atOnce.aborted ? new MetricsError('ERR_METRICS_STORE', 'interrupted') : error;
  } finally {
    ending.atOnce.removeEventListener('abort', kill);
    status.end();
    await crew.kill();
  }
}

async function coordinate(
  simulation: Simulation,
  destination: Destination,
  { early, atOnce }: Ending,
  onCoordinating: () => void,
  crew: Crew,
  status: StatusLine,
): Promise<Omit<Outcome, 'directory'>> {
  const startedAt = performance.now();
  const since = Date.now();
  const measurements = new Measurements();
  const coordination = new Coordination(simulation, measurements);
  const times = new ProcessorTimes();
  let ready = 0;
  await crew.start(
    agentCommands(simulation, destination),
    (line, from) => {
      if (!times.hear(line, from)) coordination.hear(line, from);
    },
    (process, launchedAt) => {
      coordination.welcome(process, launchedAt);
      ready += process.agents.length;
      status.show(() => `${ready} of ${simulation.agents} agents started`);
    },
    atOnce,
  );
  await coordination.welcomed(atOnce);
  atOnce.throwIfAborted();
  const begin = await times.read(crew.processes);
  const startMs = performance.now() - startedAt;

  onCoordinating();
  const { directory } = destination;
  const asking = simulation.metrics ? new Asking(directory, simulation.durationMs, times) : undefined;
  const onRound = (elapsedMs: number): void => {
    asking?.ask(elapsedMs);
    const total = formatDuration(simulation.durationMs);
    const seconds = (elapsedMs / 1000).toFixed(0);
    status.show(() => `${seconds} s of ${total}, ${measurements.messages.count} messages acknowledged`);
  };
  const coordinationMs = await coordination.run(onRound, AbortSignal.any([early, atOnce]));
  atOnce.throwIfAborted();
  const end = await times.read(crew.processes);
  const memoryBytes = memoryOf(crew.processes);
  coordination.finish();
  await crew.end();
  atOnce.throwIfAborted();
  const stored = simulation.metrics ? await countStored(destination, since) : undefined;
  const processor = { begin, end };
  const { lost } = coordination;
  return { simulation, measurements, startMs, coordinationMs, processor, memoryBytes, stored, asking, lost };
}
