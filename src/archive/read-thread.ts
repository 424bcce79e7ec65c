import { Worker } from 'node:worker_threads';
import { MetricsError } from '../errors.js';
import type { RecordSeries } from '../points.js';
import type { Extent, TimeRange } from '../store/chunks.js';
import type { RecordColumns } from '../store/columns.js';
import type { LineCounts } from '../store/lines.js';
import { workerScript } from './read-worker-script.js';

/** What the thread is asked for. */
export interface ReadJob {
  readonly extent: Extent;
  readonly range: TimeRange;
}

/** What it answers. */
export interface ReadAnswer extends Readonly<LineCounts> {
  readonly columns: RecordColumns;
  /** Whether series are numbered anew from here on. */
  readonly anew: boolean;
  /** The series that have got a number, in the order of these. */
  readonly fresh: readonly RecordSeries[];
  readonly bytes: number;
  /** Whether what follows in the file is too late for the range. */
  readonly over: boolean;
  /** Code of the system error at which reading ended. */
  readonly error: string | undefined;
}

/** What was read of a part of a file. */
export interface ReadPart extends ReadAnswer {
  /** The series, by number. */
  readonly series: readonly RecordSeries[];
}

interface Waiting {
  readonly resolve: (part: ReadPart) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that reads parts of files, one after the other. The process may end while it has nothing to do. */
export class ReadThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #series: RecordSeries[] = [];

  /**
   * Starts it.
   *
   * @param ended - Hears that it takes no more work.
   */
  constructor(ended: (thread: ReadThread) => void) {
    if (workerScript === '') throw new Error('built without scripts/worker-script.mjs');
    // Whatever is preloaded into this process has no business there.
    this.#worker = new Worker(workerScript, { eval: true, name: 'cfn-read', execArgv: [], env: {} });
    this.#worker.unref();
    this.#worker.on('message', (answer: ReadAnswer) => this.#answered(answer));
    const fail = (error: Error): void => {
      ended(this);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
    this.#worker.on('error', (cause) => fail(failure(`failed: ${String(cause)}`, cause)));
    this.#worker.on('exit', (code) => fail(failure(`ended with ${code}`)));
  }

  /** How many parts it has still to read. */
  get busy(): number {
    return this.#waiting.length;
  }

  /** Reads a part of a file, which stays open until that is done. */
  async read(job: ReadJob): Promise<ReadPart> {
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(job);
    });
  }

  /** Ends it, wherever it is. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #answered(answer: ReadAnswer): void {
    // A new array: parts that nobody has looked at yet go on having the old one.
    if (answer.anew) this.#series = [];
    for (const series of answer.fresh) this.#series.push(series);
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    waiting?.resolve({ ...answer, series: this.#series });
  }
}

function failure(what: string, cause?: unknown): MetricsError {
  return new MetricsError('ERR_METRICS_STORE', `a thread that reads ${what}`, { cause });
}
