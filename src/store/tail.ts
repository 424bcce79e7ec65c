import { setTimeout as delay } from 'node:timers/promises';
import { readEnvironment } from '../environment.js';
import { integerOption } from '../options.js';
import type { MetricRecord } from '../record.js';
import { type ShardDirectory, shardDirectory } from './directory.js';
import type { FollowedFile } from './followed.js';
import { FollowedFiles } from './followed-files.js';
import { CHUNK_BYTES, type LineCounts, LineDecoder } from './lines.js';
import { bootId, loadPosition, ofThisBoot, type Position, savePosition } from './position.js';
import { requireDirectory } from './reader.js';
import { type UnreadableFile, unreadableBy } from './segments.js';
import { type From, fromOption, type TailOptions } from './tail-options.js';

/**
 * Records that were read together from one file.
 *
 * @public
 */
export interface TailBatch {
  /** The records, in the order of their file; never none. */
  readonly records: readonly MetricRecord[];
  /** Name of the file when it was last listed. */
  readonly name: string;
  /** Device and inode of the file. */
  readonly file: string;
  /** Offset in the file at which the reading of these records began. */
  readonly start: number;
  /**
   * Offset in the file behind the last of these records. Within one boot, and as long as the file is there, a repeated
   * batch is known by it: what ends at or before an offset of this file that was handled already is a repeat. A batch
   * that ends behind it may begin with repeats; whoever must not have any keeps {@link Tail.position} instead.
   */
  readonly end: number;
}

/** The saved position is at most this much older than what was handed out. */
const SAVE_MS = 1000;

/**
 * Follows all shards, across seals, restarts and vanished directories. Made by {@link followRecords}.
 *
 * @remarks
 * Nothing is missed: a file is followed by its inode, whatever its name becomes, and a file that was not there before
 * is read from its beginning. Nothing is read further than the last newline. Looking at 16 files five times a second
 * costs less than a thousandth of a core; being told by inotify would cost every writer.
 *
 * @public
 */
export class Tail implements AsyncIterable<TailBatch> {
  readonly #directory: ShardDirectory;
  readonly #from: From;
  readonly #positionFile: string | undefined;
  readonly #pollMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #decoder = new LineDecoder();
  readonly #files: FollowedFiles;
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #begun = false;
  #dirty = false;
  #savedAt = -Infinity;
  #unsaved: UnreadableFile | undefined;

  /** @internal */
  constructor(options: TailOptions) {
    this.#directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.#from = fromOption(options.from);
    this.#files = new FollowedFiles(this.#directory.path, this.#from);
    this.#positionFile = options.positionFile;
    this.#pollMs = integerOption('pollMs', options.pollMs, 200, { min: 10, max: 60_000 });
    this.#signal = options.signal;
  }

  /** What was read so far; and which files cannot be read now, with that of the position while it cannot be saved. */
  get counts(): LineCounts & { readonly unreadable: readonly UnreadableFile[] } {
    const unsaved = this.#unsaved === undefined ? [] : [this.#unsaved];
    return { ...this.#decoder.counts, unreadable: [...this.#files.unreadable, ...unsaved] };
  }

  /**
   * Where it is: behind every batch after which the next one was asked for. A batch that its consumer did not finish
   * is handed out again after a restart.
   *
   * @remarks
   * A consumer that keeps this position together with what it made of the records, in one transaction, and later
   * begins `from` it, handles every record exactly once, even if it is killed.
   *
   * @example
   * ```ts
   * for await (const batch of tail) {
   *   await database.transaction(async () => {
   *     await store(batch.records);
   *     await keep(JSON.stringify(tail.position(batch)));
   *   });
   * }
   * ```
   *
   * @param handled - The last batch, where it counts as handled although the next one was not asked for yet.
   */
  position(handled?: TailBatch): Position {
    const files = this.#files.positions((file) =>
      file.key === handled?.file ? file.positionAt(handled.end) : file.position,
    );
    return { boot: bootId(), files };
  }

  /**
   * Where it is, where of some files less counts as handled than was handed out.
   *
   * @param offsets - By device and inode, how far they were handled.
   *
   * @internal
   */
  positionAt(offsets: ReadonlyMap<string, number>): Position {
    const files = this.#files.positions((file) => {
      const offset = offsets.get(file.key);
      return offset === undefined ? file.position : file.positionAt(offset);
    });
    return { boot: bootId(), files };
  }

  /**
   * What was deleted before all of it was read: files, and how many bytes of them, as far as they were seen.
   *
   * @internal
   */
  get missed(): { readonly files: number; readonly bytes: number } {
    return this.#files.missed;
  }

  /**
   * The files that are followed.
   *
   * @internal
   */
  get files(): Iterable<{ readonly key: string; readonly name: string; readonly unread: number }> {
    return this.#files;
  }

  /**
   * Hands out batches for ever, or until the signal. Whoever is slow in taking them is not hurried: nothing is read ahead.
   *
   * @throws MetricsError `ERR_METRICS_DIRECTORY` at the beginning, where a named directory is missing.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TailBatch, void, undefined> {
    requireDirectory(this.#directory);
    this.begin();
    // Whoever is killed before the first batch goes on from here too.
    this.#save(0);
    try {
      while (!this.#aborted()) {
        for (const batch of this.poll()) {
          yield batch;
          this.#save(SAVE_MS);
        }
        this.#save(SAVE_MS);
        await this.#pause();
      }
    } finally {
      this.#save(0);
      this.close();
    }
  }

  /** Decides where to begin in the files that are there now. The first {@link Tail.poll} does so as well. */
  begin(): void {
    if (this.#begun) return;
    this.#files.begin(this.#loadPosition());
    this.#begun = true;
    this.#dirty = true;
  }

  /**
   * Looks once at every file, and hands out what is new in it.
   *
   * @param wanted - Whether more of a file is wanted, by its name; asked before each batch.
   * @returns Batches, read as they are taken.
   */
  *poll(wanted: (name: string) => boolean = () => true): Generator<TailBatch, void, undefined> {
    this.begin();
    this.#files.list();
    for (const file of this.#files) {
      if (this.#aborted()) return;
      yield* this.#read(file, wanted);
    }
  }

  /**
   * Looks at names and sizes only, for whoever reads nothing for long: what is deleted meanwhile is not kept in RAM by
   * a reader that has it open, and is known to be missed.
   *
   * @internal
   */
  look(): void {
    this.begin();
    this.#files.list();
    const now = performance.now();
    for (const file of this.#files) this.#files.retire(file, now);
  }

  /** Closes the files; following can go on afterwards. */
  close(): void {
    this.#files.close();
  }

  #aborted(): boolean {
    return this.#signal?.aborted === true;
  }

  async #pause(): Promise<void> {
    // Aborting only cuts the wait short; the loop sees the signal itself.
    await delay(this.#pollMs, undefined, this.#signal && { signal: this.#signal }).catch(() => undefined);
  }

  #loadPosition(): Position | undefined {
    const saved = this.#positionFile === undefined ? undefined : loadPosition(this.#positionFile);
    return saved ?? (typeof this.#from === 'object' ? ofThisBoot(this.#from) : undefined);
  }

  *#read(file: FollowedFile, wanted: (name: string) => boolean): Generator<TailBatch, void, undefined> {
    const now = performance.now();
    try {
      while (!this.#aborted() && wanted(file.name) && file.grew()) {
        file.grewAt = now;
        const start = file.end;
        const records = file.read(this.#buffer, this.#decoder);
        if (records === undefined) break;
        const from = file.inHistory ? Number(this.#from) : -Infinity;
        const newer = from > -Infinity ? records.filter(({ time }) => time >= from) : records;
        const { key, name, end } = file;
        if (newer.length > 0) yield { records: newer, name, file: key, start, end };
        file.confirm();
        this.#dirty = true;
      }
    } catch (error) {
      file.cannot(error);
    }
    this.#files.retire(file, now);
  }

  #save(everyMs: number): void {
    const now = performance.now();
    if (this.#positionFile === undefined || !this.#dirty || now - this.#savedAt < everyMs) return;
    try {
      savePosition(this.#positionFile, this.position());
      this.#savedAt = now;
      this.#dirty = false;
      this.#unsaved = undefined;
    } catch (error) {
      // Nothing is lost by it but the way back: the next save tries again.
      this.#unsaved = unreadableBy(error, this.#positionFile);
    }
  }
}

/**
 * Follows all shards.
 *
 * @example
 * ```ts
 * for await (const { records } of followRecords({ from: 'end' })) {
 *   for (const record of records) console.log(record.agent, record.metric, record.value);
 * }
 * ```
 *
 * @param options - Where, from when, and how often to look.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option, or a variable in its place, is bad.
 *
 * @public
 */
export function followRecords(options: TailOptions = {}): Tail {
  return new Tail(options);
}
