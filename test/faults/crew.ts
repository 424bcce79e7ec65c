import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { capacity, type Cost, costOf } from './costs.js';
import { giveUp, type Job, runJob } from './one.js';
import type { Row } from './table.js';

/** The argument that makes a process a member of the crew. */
export const MEMBER = '--member';
/** What members say at most is kept. */
const MAX_OUTPUT = 20_000;

/** A process that runs one job after another: what it and its children print belongs to the job that it is at. */
class Member {
  readonly #child: ChildProcess;
  #output = '';

  constructor(script: string) {
    this.#child = fork(script, [MEMBER], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on(
        'data',
        (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-MAX_OUTPUT)),
      );
    }
  }

  get isOver(): boolean {
    return !this.#child.connected;
  }

  async run(job: Job): Promise<Row> {
    this.#output = '';
    const startedAt = performance.now();
    const outcome = await new Promise<Row | string>((resolve) => {
      this.#child.once('message', (row) => resolve(row as Row));
      this.#child.once('exit', (code, signal) =>
        resolve(`the process that ran it ended with ${code ?? signal}`),
      );
      this.#child.send(job);
    });
    this.#child.removeAllListeners('message').removeAllListeners('exit');
    // What was printed comes by another way than the result.
    await delay(10);
    const output = this.#output.trim();
    if (typeof outcome !== 'string') return { ...outcome, output };
    const failure = {
      records: 0,
      kills: 0,
      lost: 0,
      duplicated: 0,
      torn: 0,
      failures: [outcome],
      broken: true,
    };
    const { name, mutant } = job;
    return { name, mutant, tries: 1, ms: performance.now() - startedAt, cpu: NaN, outcome: failure, output };
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/**
 * Runs jobs, as many at once as the machine has cores for.
 *
 * @param script - This program.
 * @param jobs - In any order.
 * @param serial - Whether they run one after another.
 * @param started - Told when one begins.
 * @param done - Told when one is done, with its place among the jobs.
 */
export async function runAll(
  script: string,
  jobs: readonly Job[],
  serial: boolean,
  on: { readonly started: (index: number) => void; readonly done: (index: number, row: Row) => void },
): Promise<void> {
  const most = serial ? 0 : capacity();
  const waiting = [...jobs.entries()].sort(([, a], [, b]) => work(b) - work(a));
  const idle: Member[] = [];
  const running = new Map<number, Cost & { readonly end: Promise<void> }>();
  const fits = ({ cores, holds }: Cost): boolean => {
    const others = [...running.values()];
    if (holds !== undefined && others.some((other) => other.holds === holds)) return false;
    return others.length === 0 || others.reduce((sum, other) => sum + other.cores, cores) <= most;
  };
  while (waiting.length > 0 || running.size > 0) {
    const next = waiting.findIndex(([, { name }]) => fits(costOf(name)));
    if (next < 0) {
      await Promise.race([...running.values()].map(({ end }) => end));
      continue;
    }
    const [index, job] = waiting.splice(next, 1)[0]!;
    const member = idle.pop() ?? new Member(script);
    on.started(index);
    const end = member.run(job).then((row) => {
      running.delete(index);
      if (!member.isOver) idle.push(member);
      on.done(index, row);
    });
    running.set(index, { ...costOf(job.name), end });
  }
  for (const member of idle) member.end();
}

function work({ name, mutant }: Job): number {
  const { seconds, cores } = costOf(name);
  return seconds * cores * (mutant === undefined ? 1 : 0.2);
}

/** Runs what the process that started this one sends, until that is gone. */
export function beMember(): void {
  const leave = (): void => void giveUp().finally(() => process.exit());
  process.on('message', (job) => void runJob(job as Job).then((row) => process.send?.(row)));
  process.once('disconnect', leave);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave);
}
