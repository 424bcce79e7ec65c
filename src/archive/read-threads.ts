import { availableParallelism } from 'node:os';
import { MetricsError } from '../errors.js';
import { integerOption } from '../options.js';
import type { ReadJob, ReadPart, ReadThread } from './read-thread.js';

const MOST_THREADS = 64;
const DEFAULT_MIN_BYTES = 4_194_304;

/**
 * What {@link createReadThreads} can be told; every field is optional.
 *
 * @public
 */
export interface ReadThreadsOptions {
  /**
   * How many there are at most, 1 to 64. They are started when there is something to read.
   *
   * @defaultValue as many as Node sees processors, at most 64
   */
  readonly threads?: number | undefined;
  /**
   * Where less than so many bytes have to be read the thread that asks reads itself: it is done before others have begun.
   *
   * @defaultValue 4,194,304 (4 MiB)
   */
  readonly minBytes?: number | undefined;
}

/**
 * Threads that read shards, for whoever reads much of them, or must not be held up by it. Made by
 * {@link createReadThreads}, and given to {@link readHistory}.
 *
 * @remarks
 * What they read is the same, in the same order, as without them: they parse, and the thread that asked gets the
 * records. Compressed files are read without them. They stay, and what they learnt of the lines of each series with them,
 * until they are closed; a process that has nothing else to do ends all the same. Each takes some 25 MB.
 *
 * @public
 */
export class ReadThreads {
  readonly #size: number;
  readonly #minBytes: number;
  readonly #threads = new Set<ReadThread>();
  #closed = false;

  /** @internal */
  constructor(options: ReadThreadsOptions) {
    const processors = Math.min(availableParallelism(), MOST_THREADS);
    this.#size = integerOption('threads', options.threads, processors, { min: 1, max: MOST_THREADS });
    this.#minBytes = integerOption('minBytes', options.minBytes, DEFAULT_MIN_BYTES, { min: 0 });
  }

  /** How many there are at most. */
  get size(): number {
    return this.#size;
  }

  /** How many bytes are worth their while. */
  get minBytes(): number {
    return this.#minBytes;
  }

  /**
   * Reads a part of a file, which has to stay open until that is done.
   *
   * @internal
   */
  async _read(job: unknown): Promise<unknown> {
    // Loaded when there is something to read: a command that reads little is done by then.
    const { ReadThread: Thread } = await import('./read-thread.js');
    if (this.#closed) throw new MetricsError('ERR_METRICS_CLOSED', 'the threads that read are closed');
    return this.#next(Thread).read(job as ReadJob);
  }

  /** Ends them. What is being read by them fails with `ERR_METRICS_STORE`, and from then on with `ERR_METRICS_CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  /** One that has nothing to do, else a new one, else the one that has least to do. */
  #next(Thread: typeof ReadThread): ReadThread {
    let best: ReadThread | undefined;
    for (const thread of this.#threads) if (best === undefined || thread.busy < best.busy) best = thread;
    if (best !== undefined && (best.busy === 0 || this.#threads.size >= this.#size)) return best;
    const thread = new Thread((ended) => this.#threads.delete(ended));
    this.#threads.add(thread);
    return thread;
  }
}

/** Reads a part of a file, for this package. */
export async function readPart(threads: ReadThreads, job: ReadJob): Promise<ReadPart> {
  return (await threads._read(job)) as ReadPart;
}

/**
 * Makes threads that read shards.
 *
 * @example
 * ```ts
 * const threads = createReadThreads();
 * const analyzer = new Analyzer({ groupBy: ['agent'] });
 * for await (const _ of readHistory({ threads }).feed(analyzer)) continue;
 * console.log(analyzer.analysis().groups);
 * await threads.close();
 * ```
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is not what it must be.
 *
 * @public
 */
export function createReadThreads(options: ReadThreadsOptions = {}): ReadThreads {
  return new ReadThreads(options);
}
