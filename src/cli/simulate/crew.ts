import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentCommand, AgentProcess } from './agent-process.js';

/** Who has not said by then that it is ready is killed. */
const READY_WITHIN_MS = 60_000;
/** Who has not ended by then is killed. */
const END_WITHIN_MS = 5000;

/** All processes of agents. */
export class Crew {
  readonly processes: AgentProcess[] = [];

  /**
   * Starts them, some at a time, and waits until all are ready.
   *
   * @param commands - How each is started.
   * @param onLine - Receives what they say.
   * @param onReady - Called for each that is ready, with the time when it was started.
   * @param signal - Starts no more; who aborts it kills those that were.
   * @throws MetricsError `ERR_METRICS_STORE` where one cannot be started.
   */
  async start(
    commands: readonly AgentCommand[],
    onLine: (line: string, from: AgentProcess) => void,
    onReady: (process: AgentProcess, launchedAt: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const rest = commands.values();
    const launch = async (): Promise<void> => {
      for (const command of rest) {
        signal.throwIfAborted();
        const launchedAt = performance.now();
        const process: AgentProcess = new AgentProcess(command, (line) => onLine(line, process));
        this.processes.push(process);
        const overdue = setTimeout(() => process.kill(), READY_WITHIN_MS);
        await process.ready.finally(() => clearTimeout(overdue));
        onReady(process, launchedAt);
      }
    };
    await Promise.all(Array.from({ length: 2 * availableParallelism() }, launch));
  }

  /** Ends them in good order, and who does not end at once. */
  async end(): Promise<void> {
    for (const process of this.processes) process.end();
    const patience = new AbortController();
    await Promise.race([
      this.#ended(),
      delay(END_WITHIN_MS, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    await this.kill();
  }

  /** Ends them at once. */
  async kill(): Promise<void> {
    for (const process of this.processes) if (process.running) process.kill();
    await this.#ended();
  }

  async #ended(): Promise<void> {
    await Promise.all(this.processes.map(({ ended }) => ended));
  }
}
