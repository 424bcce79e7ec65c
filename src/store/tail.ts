import { closeSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readEnvironment } from '../environment.js';
import { integerOption, shown } from '../options.js';
import { MetricsError } from '../errors.js';
import type { MetricRecord } from '../record.js';
import { type ShardDirectory, shardDirectory } from './directory.js';
import { FollowedFile, offsetIn } from './followed.js';
import { CHUNK_BYTES, type LineCounts, LineDecoder } from './lines.js';
import {
  bootId,
  type FilePosition,
  isPosition,
  loadPosition,
  ofThisBoot,
  type Position,
  savePosition,
} from './position.js';
import { requireDirectory } from './reader.js';
import { lastLineEnd, seekTime } from './seek.js';
import { listSegments, openSegment, type Segment, type UnreadableFile } from './segments.js';
import type { SegmentName } from './shard.js';

/**
 * What {@link followRecords} can be told; every field is optional.
 *
 * @public
 */
export interface TailOptions {
  /**
   * Directory of the shards. A named directory must exist when following begins, and may vanish and come back later.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Where to begin: `end` with what comes from now on, `start` with all there is, Unix milliseconds, or the
   * {@link Tail.position} of an earlier one, which the consumer kept. One of another boot says nothing: then everything
   * is read. What `positionFile` says goes before all of these.
   *
   * @defaultValue `'end'`
   */
  readonly from?: 'start' | 'end' | number | Position | undefined;
  /**
   * File in which the position is kept, so that a restart goes on where this one ended. It is written when following
   * begins, at most once a second while records are handed out, and at the end.
   *
   * @defaultValue none
   */
  readonly positionFile?: string | undefined;
  /**
   * Milliseconds between two looks, 10 to 60,000.
   *
   * @defaultValue 200
   */
  readonly pollMs?: number | undefined;
  /** Ends following: the iteration is done, nothing is thrown. */
  readonly signal?: AbortSignal | undefined;
}

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

/** How much later than a younger record an older one may stand in its file. */
const LATENESS_MS = 60_000;
/** Files that cannot be read and are remembered; names can be planted without end. */
const MAX_UNREADABLE = 1000;
/** A file that did not grow for this long is closed; its size is still looked at. */
const KEEP_OPEN_MS = 60_000;
/** A file whose name is gone is read for this long: a writer may still have it open. */
const KEEP_GONE_MS = 10_000;
/** One that holds what was not read yet, for so long. */
const KEEP_UNREAD_MS = 60_000;
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
  readonly #from: 'start' | 'end' | number | Position;
  readonly #positionFile: string | undefined;
  readonly #pollMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #decoder = new LineDecoder();
  readonly #files = new Map<string, FollowedFile>();
  readonly #unreadable = new Map<string, UnreadableFile>();
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  /** What a saved position says of files that were not found yet; undefined where there is none. */
  #saved: Map<string, FilePosition> | undefined;
  #begun = false;
  #begunAt = 0;
  #historic = false;
  #dirty = false;
  #savedAt = -Infinity;
  #missedFiles = 0;
  #missedBytes = 0;

  /** @internal */
  constructor(options: TailOptions) {
    this.#directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.#from = fromOption(options.from);
    this.#positionFile = options.positionFile;
    this.#pollMs = integerOption('pollMs', options.pollMs, 200, { min: 10, max: 60_000 });
    this.#signal = options.signal;
  }

  /** What was seen so far. */
  get counts(): LineCounts & { readonly unreadable: readonly UnreadableFile[] } {
    return { ...this.#decoder.counts, unreadable: [...this.#unreadable.values()] };
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
    const files = [...this.#files.values()].map((file) =>
      file.key === handled?.file ? file.positionAt(handled.end) : file.position,
    );
    return { boot: bootId(), files: [...files, ...(this.#saved?.values() ?? [])] };
  }

  /**
   * Where it is, where of some files less counts as handled than was handed out.
   *
   * @param offsets - By device and inode, how far they were handled.
   *
   * @internal
   */
  positionAt(offsets: ReadonlyMap<string, number>): Position {
    const files = [...this.#files.values()].map((file) => {
      const offset = offsets.get(file.key);
      return offset === undefined ? file.position : file.positionAt(offset);
    });
    return { boot: bootId(), files: [...files, ...(this.#saved?.values() ?? [])] };
  }

  /**
   * What was deleted before all of it was read: files, and how many bytes of them, as far as they were seen.
   *
   * @internal
   */
  get missed(): { readonly files: number; readonly bytes: number } {
    return { files: this.#missedFiles, bytes: this.#missedBytes };
  }

  /**
   * The files that are followed.
   *
   * @internal
   */
  get files(): Iterable<{ readonly key: string; readonly name: string; readonly unread: number }> {
    return this.#files.values();
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
    const saved = this.#loadPosition();
    this.#saved = saved && new Map(saved.files.map((file) => [`${file.dev}:${file.ino}`, file]));
    this.#historic = saved === undefined && typeof this.#from === 'number';
    // While a sealer works, a listing can miss a file that gets another name meanwhile.
    let before: number;
    do {
      before = this.#files.size;
      this.#list();
    } while (this.#files.size > before);
    this.#historic = false;
    this.#begun = true;
    this.#begunAt = performance.now();
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
    this.#list();
    for (const file of this.#files.values()) {
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
    this.#list();
    const now = performance.now();
    for (const file of this.#files.values()) this.#retire(file, now);
  }

  /** Closes the files; following can go on afterwards. */
  close(): void {
    for (const file of this.#files.values()) file.close();
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

  /** Finds files that were not there before, new names, and names that are gone. */
  #list(): void {
    const now = performance.now();
    if (this.#unreadable.size > MAX_UNREADABLE) this.#unreadable.clear();
    const names = this.#names();
    if (names === undefined) return;
    const present = new Set<string>();
    for (const name of names) {
      const key = this.#recognise(name) ?? this.#follow(name, now);
      if (key === undefined) continue;
      const file = this.#files.get(key);
      if (file !== undefined) file.name = name.name;
      present.add(key);
    }
    for (const [key, file] of this.#files) file.goneAt = present.has(key) ? undefined : (file.goneAt ?? now);
    if (this.#begun && now - this.#begunAt > KEEP_GONE_MS) this.#saved = undefined;
  }

  /** What there is; undefined where that cannot be seen now, which does not mean that it is gone. */
  #names(): SegmentName[] | undefined {
    try {
      return listSegments(this.#directory.path);
    } catch (error) {
      this.#cannotRead(this.#directory.path, error);
      return undefined;
    }
  }

  #recognise({ name }: SegmentName): string | undefined {
    // A link is never a segment, whatever it leads to.
    const stat = lstatSync(join(this.#directory.path, name), { bigint: true, throwIfNoEntry: false });
    const key = stat && `${stat.dev}:${stat.ino}`;
    const file = key === undefined ? undefined : this.#files.get(key);
    if (file !== undefined) file.seen = Number(stat!.size);
    return file?.key;
  }

  #follow(name: SegmentName, now: number): string | undefined {
    const path = join(this.#directory.path, name.name);
    const segment = openSegment(this.#directory.path, name);
    if (segment === undefined) return undefined;
    if ('reason' in segment) {
      this.#unreadable.set(path, segment);
      return undefined;
    }
    const { dev, ino, size } = segment.stat;
    const key = `${dev}:${ino}`;
    // The name may have changed hands since it was recognised.
    if (this.#files.has(key)) {
      closeSync(segment.fd);
      return key;
    }
    const history = this.#historic ? size : 0;
    this.#files.set(
      key,
      new FollowedFile(this.#directory.path, segment, this.#beginAt(segment, key), history, now),
    );
    return key;
  }

  /** Where to begin in a file that was not there before, or when following begins. */
  #beginAt(segment: Segment, key: string): number {
    const saved = this.#saved?.get(key);
    this.#saved?.delete(key);
    if (saved !== undefined) return offsetIn(segment, saved);
    if (this.#begun || this.#saved !== undefined || this.#from === 'start') return 0;
    const { fd, stat } = segment;
    if (typeof this.#from === 'number') return seekTime(fd, stat.size, this.#from - LATENESS_MS);
    return lastLineEnd(fd, stat.size);
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
      this.#cannotRead(file.name, error);
    }
    this.#retire(file, now);
  }

  #retire(file: FollowedFile, now: number): void {
    const { goneAt, unread } = file;
    if (goneAt !== undefined && now - goneAt > (unread > 0 ? KEEP_UNREAD_MS : KEEP_GONE_MS)) {
      file.close();
      this.#files.delete(file.key);
      if (unread > 0) this.#missedFiles += 1;
      this.#missedBytes += unread;
    } else if (file.goneAt === undefined && now - file.grewAt > KEEP_OPEN_MS) {
      file.close();
    }
  }

  #cannotRead(file: string, error: unknown): void {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    this.#unreadable.set(file, { file, reason });
  }

  #save(everyMs: number): void {
    const now = performance.now();
    if (this.#positionFile === undefined || !this.#dirty || now - this.#savedAt < everyMs) return;
    try {
      savePosition(this.#positionFile, this.position());
      this.#savedAt = now;
      this.#dirty = false;
    } catch (error) {
      // Nothing is lost by it but the way back: the next save tries again.
      this.#cannotRead(this.#positionFile, error);
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

function fromOption(from: unknown): 'start' | 'end' | number | Position {
  if (from === undefined) return 'end';
  if (from === 'start' || from === 'end' || (typeof from === 'number' && Number.isFinite(from))) return from;
  if (isPosition(from)) return from;
  throw new MetricsError(
    'ERR_METRICS_OPTION',
    `from must be 'start', 'end', Unix milliseconds or a position, got ${shown(from)}`,
  );
}
