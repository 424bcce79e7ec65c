import { clearLine, cursorTo } from 'node:readline';
import { IN_CI } from '../support/tools.js';
import type { Job } from './one.js';
import { headline, row, type Row, title, verdict } from './table.js';

/** Prints the rows in the order of the jobs, whatever ends first; on a terminal also what is at work. */
export class Report {
  readonly #jobs: readonly Job[];
  readonly #json: boolean;
  readonly #inCi = IN_CI;
  readonly #startedAt = performance.now();
  readonly #running = new Map<number, number>();
  readonly #rows: Row[] = [];
  readonly #ticking: NodeJS.Timeout | undefined;
  #printed = 0;
  #done = 0;
  #passed = 0;
  #failed = 0;

  constructor(jobs: readonly Job[], json: boolean) {
    this.#jobs = jobs;
    this.#json = json;
    if (json) return;
    process.stdout.write(`seed ${jobs[0]?.seed}\n${headline()}\n`);
    if (process.stdout.isTTY) this.#ticking = setInterval(() => this.#showProgress(), 500);
  }

  readonly started = (index: number): void => {
    this.#running.set(index, performance.now());
  };

  readonly done = (index: number, result: Row): void => {
    this.#running.delete(index);
    this.#rows[index] = result;
    this.#done += 1;
    this.#clearProgress();
    // The table waits for its order; whoever reads a log sees here that something happens, and where it stopped.
    if (!process.stdout.isTTY && !this.#json) {
      const what = describe(this.#jobs[index]!);
      process.stderr.write(
        `${this.#done} of ${this.#jobs.length} done: ${what}, ${(result.ms / 1000).toFixed(1)} s\n`,
      );
    }
    for (;;) {
      const next = this.#rows[this.#printed];
      if (next === undefined) return;
      this.#print(next);
      this.#printed += 1;
    }
  };

  /** Prints the sum, and what fails besides the rows. */
  end(unusedMutants: readonly string[]): void {
    clearInterval(this.#ticking);
    this.#clearProgress();
    for (const name of unusedMutants) {
      process.stdout.write(`FAILED: no case names the mutant "${name}"\n`);
      this.#failed += 1;
    }
    const ms = performance.now() - this.#startedAt;
    const cpu = this.#rows.reduce((sum, { cpu }) => sum + (Number.isNaN(cpu) ? 0 : cpu), 0);
    if (!this.#json)
      process.stdout.write(`${(ms / 1000).toFixed(0)} s in all, ${cpu.toFixed(0)} s of CPU time\n`);
    process.stdout.write(`${this.#passed} passed, ${this.#failed} failed\n`);
    if (this.#failed > 0) process.exitCode = 1;
  }

  #print(result: Row): void {
    const judged = verdict(result, this.#inCi);
    if (judged.ok) this.#passed += 1;
    else this.#failed += 1;
    const seed = this.#jobs[0]?.seed;
    process.stdout.write(
      this.#json ? `${JSON.stringify({ seed, ...result, ...judged })}\n` : row(result, judged),
    );
  }

  #showProgress(): void {
    const now = performance.now();
    const running = [...this.#running].map(([index, since]) => {
      return `${describe(this.#jobs[index]!)} ${((now - since) / 1000).toFixed(0)} s`;
    });
    const text = `${this.#done} of ${this.#jobs.length} done; at work: ${running.join('; ')}`;
    this.#clearProgress();
    process.stdout.write(text.slice(0, (process.stdout.columns || 80) - 1));
  }

  #clearProgress(): void {
    if (!process.stdout.isTTY || this.#json) return;
    clearLine(process.stdout, 0);
    cursorTo(process.stdout, 0);
  }
}

function describe({ name, mutant }: Job): string {
  return mutant === undefined ? name : `${name}, ${title(name, mutant).trim()}`;
}
