import { setTimeout as delay } from 'node:timers/promises';
import type { AgentProcess } from './agent-process.js';
import type { Measurements, Phase } from './measurements.js';
import type { Simulation } from './options.js';

/** How much longer than others a round may last when the time is over; who has not acknowledged by then never will. */
const GRACE_MS = 5000;
/** Reports that an agent can be asked for at once. */
const MOST_REPORTS = 100;
const POLL_MS = 100;
/** Its multiples, whole parts left out, are spread evenly, however many of them: reports, and kinds of agents, too. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

interface Agent {
  readonly number: number;
  readonly process: AgentProcess;
  /** The round of the message that it has not acknowledged yet; undefined where there is none. */
  open: number | undefined;
  sentAt: number;
  /** Milliseconds of its last message; at first those that it took to start. */
  lastMs: number;
  /** Milliseconds from the beginning until its next report. */
  reportAt: number;
}

/**
 * The coordinator: in each round it gives every agent a task, and waits until all have done theirs.
 *
 * @remarks
 * There is one message on its way to an agent at most: where rounds take longer than they should there are fewer of
 * them, and nothing piles up.
 */
export class Coordination {
  readonly #simulation: Simulation;
  readonly #measurements: Measurements;
  readonly #agents = new Map<number, Agent>();
  #open = 0;
  #phase: Phase = 'start';
  #onSettled: () => void = () => undefined;
  #ending = false;
  /** Processes that ended before they should have. */
  lost = 0;

  constructor(simulation: Simulation, measurements: Measurements) {
    this.#simulation = simulation;
    this.#measurements = measurements;
  }

  /** Takes in the agents of a process that is ready: each has its first task, and reports for the first time. */
  welcome(process: AgentProcess, startedAt: number): void {
    const { reportEveryMs } = this.#simulation;
    const now = performance.now();
    for (const number of process.agents) {
      const reportAt = ((0.5 + number * GOLDEN) % 1) * reportEveryMs;
      const agent: Agent = {
        number,
        process,
        open: undefined,
        sentAt: now,
        lastMs: now - startedAt,
        reportAt,
      };
      this.#agents.set(number, agent);
      this.#send(agent, 0, 1);
    }
    void process.ended.then(() => this.#lose(process));
  }

  /** Takes an acknowledgement. */
  hear(line: string, from: AgentProcess): void {
    const [number = NaN, round, stored = 0, ...us] = line.split(' ').map(Number);
    const agent = this.#agents.get(number);
    if (agent === undefined || agent.process !== from || agent.open !== round) return;
    agent.lastMs = performance.now() - agent.sentAt;
    this.#measurements.messages.add(agent.lastMs);
    this.#measurements.addEmissions(from.kind, this.#phase, us);
    this.#measurements.acknowledged += stored;
    this.#close(agent);
  }

  /** Waits until all agents have done their first task. */
  async welcomed(signal: AbortSignal): Promise<void> {
    const limit = performance.now() + this.#patienceMs();
    await this.#settled(() => (signal.aborted ? 0 : limit));
  }

  /**
   * Coordinates for as long as was asked for.
   *
   * @param onRound - Called after each round, with the milliseconds since the beginning.
   * @param stop - Ends it earlier.
   * @returns Milliseconds from the first message to the end.
   */
  async run(onRound: (elapsedMs: number) => void, stop: AbortSignal): Promise<number> {
    this.#phase = 'coordination';
    const intervalMs = 1000 / this.#simulation.messagesPerSecond;
    const begin = performance.now();
    let endAt = begin + this.#simulation.durationMs;
    const onStop = (): void => void (endAt = performance.now());
    stop.addEventListener('abort', onStop, { once: true });
    for (let round = 1, at = begin; ; round += 1) {
      this.#broadcast(round, at - begin, intervalMs);
      const complete = await this.#settled(() => endAt + this.#patienceMs());
      const now = performance.now();
      if (complete) this.#measurements.rounds.add(now - at);
      onRound(now - begin);
      at = Math.max(at + intervalMs, performance.now());
      const waitMs = Math.min(at, endAt) - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal: stop }).catch(() => undefined);
      if (!complete || at >= endAt) break;
      at = Math.max(at, performance.now());
    }
    stop.removeEventListener('abort', onStop);
    return performance.now() - begin;
  }

  /** Processes may end from now on. */
  finish(): void {
    this.#ending = true;
  }

  #broadcast(round: number, elapsedMs: number, intervalMs: number): void {
    const untilMs = Math.min(elapsedMs + intervalMs, this.#simulation.durationMs);
    for (const agent of this.#agents.values()) {
      // who still owes an answer is sent nothing
      if (!agent.process.running || agent.open !== undefined) continue;
      this.#send(agent, round, this.#reportsDue(agent, untilMs));
    }
  }

  /** How many reports of an agent are due before a time: spread evenly over all agents, as they would be. */
  #reportsDue(agent: Agent, untilMs: number): number {
    const { reportEveryMs } = this.#simulation;
    let due = 0;
    for (; agent.reportAt < untilMs && due < MOST_REPORTS; agent.reportAt += reportEveryMs) due += 1;
    agent.reportAt = Math.max(agent.reportAt, untilMs - reportEveryMs);
    return due;
  }

  /** As long as several rounds; before the first one nobody knows more than how long its tasks are. */
  #patienceMs(): number {
    const { agents, taskMs } = this.#simulation;
    return GRACE_MS + 3 * (this.#measurements.rounds.quantile(1) ?? agents * taskMs);
  }

  #send(agent: Agent, round: number, reports: number): void {
    agent.open = round;
    this.#open += 1;
    this.#measurements.sent += 1;
    const due = this.#simulation.metrics ? reports : 0;
    const last = agent.lastMs.toFixed(1);
    agent.sentAt = performance.now();
    agent.process.send(`${agent.number} ${round} ${due} ${last}`);
  }

  #close(agent: Agent): void {
    agent.open = undefined;
    this.#open -= 1;
    if (this.#open === 0) this.#onSettled();
  }

  #lose(process: AgentProcess): void {
    if (this.#ending) return;
    this.lost += 1;
    for (const number of process.agents) {
      const agent = this.#agents.get(number)!;
      if (agent.open !== undefined) this.#close(agent);
    }
  }

  /** Waits until no message is open; false where that took too long. */
  async #settled(limit: () => number): Promise<boolean> {
    while (this.#open > 0 && performance.now() < limit()) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve;
        timer = setTimeout(resolve, POLL_MS);
      });
      clearTimeout(timer);
    }
    return this.#open === 0;
  }
}
