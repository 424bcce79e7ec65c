import { Worker } from 'node:worker_threads';
import type { SegmentSummary } from './entry.js';
import type { Packed, PackJob } from './pack.js';
import { workerScript } from './worker-script.js';

/** A compressed file to sum up. */
export interface SummaryJob {
  readonly kind: 'summary';
  readonly path: string;
  /** Its size. */
  readonly size: number;
}

/** What the thread is asked. */
export type Job = PackJob | SummaryJob;

/** What it answers. */
export type Answer =
  | { readonly result: Packed | SegmentSummary }
  | { readonly error: Pick<NodeJS.ErrnoException, 'message' | 'code' | 'errno' | 'syscall' | 'path'> };

/** A thread without work ends after this time, and its memory is free again. */
const IDLE_MS = 1000;

/** A thread that compresses and reads back, one file at a time: the event loop of the process has no part in it. */
export class Thread {
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** Compresses a file. */
  async pack(job: Omit<PackJob, 'kind'>, signal?: AbortSignal): Promise<Packed> {
    return (await this.#run({ ...job, kind: 'pack' }, signal)) as Packed;
  }

  /** Sums up a compressed file. */
  async summarise(path: string, size: number, signal?: AbortSignal): Promise<SegmentSummary> {
    return (await this.#run({ kind: 'summary', path, size }, signal)) as SegmentSummary;
  }

  /**
   * Does one thing.
   *
   * @param signal - Ends the thread, wherever it is; nothing is in use any more when the promise is rejected.
   */
  async #run(job: Job, signal: AbortSignal | undefined): Promise<Packed | SegmentSummary> {
    signal?.throwIfAborted();
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    let answer: Answer;
    try {
      answer = await ask(worker, job, signal);
    } catch (error) {
      await this.end();
      throw error;
    }
    worker.unref();
    this.#idle = setTimeout(() => void this.end(), IDLE_MS).unref();
    if ('result' in answer) return answer.result;
    const { message, ...details } = answer.error;
    throw Object.assign(new Error(message), details);
  }

  #start(): Worker {
    if (workerScript === '') throw new Error('built without scripts/worker-script.mjs');
    // Whatever is preloaded into this process has no business there.
    const worker = new Worker(workerScript, { eval: true, name: 'cfn-archive', execArgv: [], env: {} });
    // Also while nobody waits for it.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  /** Ends it, wherever it is. The next job starts another one. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    clearTimeout(this.#idle);
    await worker?.terminate();
  }
}

function ask(worker: Worker, job: Job, signal: AbortSignal | undefined): Promise<Answer> {
  const done = new AbortController();
  const answer = new Promise<Answer>((resolve, reject) => {
    const onExit = (code: number): void => reject(new Error(`the thread that compresses ended with ${code}`));
    worker.on('message', resolve).on('error', reject).on('exit', onExit);
    const onAbort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    done.signal.addEventListener('abort', () => {
      worker.off('message', resolve).off('error', reject).off('exit', onExit);
      signal?.removeEventListener('abort', onAbort);
    });
    worker.postMessage(job);
  });
  return answer.finally(() => done.abort());
}
