import { analyze } from '../../analyze/analyzer.js';
import { quantile } from '../../analyze/quantile.js';
import { readRecords } from '../../store/reader.js';
import type { ProcessorTimes } from './processor-time.js';

const WINDOW_MS = 30_000;
const QUESTIONS = 30;

/** Asks for the statistics of the last 30 seconds every now and then, and finds how long an answer takes. */
export class Asking {
  readonly #directory: string;
  readonly #everyMs: number;
  readonly #times: ProcessorTimes;
  readonly #answersMs: number[] = [];
  readonly #answersCpuMs: number[] = [];
  /** Records of the last answer. */
  records = 0;

  constructor(directory: string, durationMs: number, times: ProcessorTimes) {
    this.#directory = directory;
    this.#everyMs = durationMs / (QUESTIONS + 1);
    this.#times = times;
  }

  /** Asks, if it is time to. */
  ask(elapsedMs: number): void {
    const asked = this.#answersMs.length;
    if (asked === QUESTIONS || elapsedMs < this.#everyMs * (asked + 1)) return;
    const before = process.cpuUsage();
    const start = performance.now();
    const since = Date.now() - WINDOW_MS;
    this.records = analyze(readRecords({ directory: this.#directory, since }), { since }).records;
    this.#answersMs.push(performance.now() - start);
    const { user, system } = process.cpuUsage(before);
    this.#answersCpuMs.push((user + system) / 1000);
    this.#times.aside += user + system;
  }

  /** How often was asked. */
  get count(): number {
    return this.#answersMs.length;
  }

  /** Milliseconds of the first answer, when the code is new to the process; null where nothing was asked. */
  get firstMs(): number | null {
    return this.#answersMs[0] ?? null;
  }

  /** Median of the milliseconds that answers took; null where nothing was asked. */
  get medianMs(): number | null {
    return median(this.#answersMs);
  }

  /** Median of the milliseconds of processor time that answers took; null where nothing was asked. */
  get medianCpuMs(): number | null {
    return median(this.#answersCpuMs);
  }
}

function median(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted.length === 0 ? null : quantile(sorted, 0.5);
}
