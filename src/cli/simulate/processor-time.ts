import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentProcess } from './agent-process.js';

/** Who does not answer by then is not counted. */
const ANSWER_WITHIN_MS = 5000;

/** Processor time so far, in microseconds. */
export interface ProcessorTime {
  /** Of the coordinator and all agents. */
  readonly totalUs: number;
  /** What the emissions of agents in TypeScript took of it, as they measured it. */
  readonly emissionUs: number;
}

/** Finds how much of the processor the coordinator and its agents have had. */
export class ProcessorTimes {
  readonly #waiting = new Map<AgentProcess, (answer: string) => void>();
  /** Microseconds of the coordinator that were none of its business, such as asking for statistics. */
  aside = 0;

  /** Takes what a process says of itself; false where the line is something else. */
  hear(line: string, from: AgentProcess): boolean {
    if (!line.startsWith('cpu ')) return false;
    this.#waiting.get(from)?.(line);
    return true;
  }

  /** Asks all, who should have nothing to do meanwhile. */
  async read(processes: readonly AgentProcess[]): Promise<ProcessorTime> {
    const { user, system } = process.cpuUsage();
    let totalUs = user + system - this.aside;
    let emissionUs = 0;
    for (const { kind, pid } of processes) if (kind === 'bash') totalUs += ofProcess(pid);
    const answers = processes.filter(({ kind }) => kind === 'typescript').map((one) => this.#ask(one));
    for (const [total, emission] of await Promise.all(answers)) {
      totalUs += total;
      emissionUs += emission;
    }
    return { totalUs, emissionUs };
  }

  async #ask(one: AgentProcess): Promise<readonly [totalUs: number, emissionUs: number]> {
    const answer = new Promise<string>((resolve) => this.#waiting.set(one, resolve));
    one.send('cpu');
    const patience = new AbortController();
    const overdue = delay(ANSWER_WITHIN_MS, '', { signal: patience.signal }).catch(() => '');
    const text = await Promise.race([answer, one.ended.then(() => ''), overdue]);
    patience.abort();
    this.#waiting.delete(one);
    const [, totalUs = 0, emissionUs = 0] = text.split(' ').map(Number);
    return [totalUs, emissionUs];
  }
}

/**
 * Microseconds that a process of one thread, which waits, has had.
 *
 * @remarks
 * Not from `stat`, which counts in hundredths of a second: https://docs.kernel.org/scheduler/sched-stats.html
 */
function ofProcess(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${String(pid)}/schedstat`, 'utf8').split(' ')[0]) / 1000;
  } catch {
    // It has ended.
    return 0;
  }
}
