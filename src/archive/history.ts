import { closeSync } from 'node:fs';
import { RecordList, type RecordSink } from '../points.js';
import type { MetricRecord } from '../record.js';
import type { TimeRange } from '../store/chunks.js';
import type { ReadCounts, ReadOptions } from '../store/reader.js';
import { openSegments, type Segment } from '../store/segments.js';
import { rangeOption } from '../store/time-range.js';
import type { Chunk } from './history-merge.js';
import { compareBegin, type HistoryFile, type Place } from './history-place.js';
import { findPlaces } from './history-places.js';
import { plainFile } from './history-plain.js';
import { isAllIn } from './history-reach.js';
import { feedThreaded, isMuch } from './history-threaded.js';
import type { ReadThreads } from './read-threads.js';

/**
 * What {@link readHistory} can be told; every field is optional.
 *
 * @public
 */
export interface HistoryOptions extends Omit<ReadOptions, 'directory'> {
  /**
   * Directories of shards, which must exist where they are named; an empty list is none. A directory that holds an
   * archive, or a copy of one, is read as that.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | readonly string[] | undefined;
  /**
   * Archives to read as well; they must exist.
   *
   * @defaultValue none
   */
  readonly archive?: string | readonly string[] | undefined;
  /**
   * Threads that read what is not compressed, for {@link History.feed} and iterating. What is read, and its order, is the
   * same.
   *
   * @defaultValue none: it is read by the thread that asks
   */
  readonly threads?: ReadThreads | undefined;
}

/**
 * A directory that was read.
 *
 * @public
 */
export interface HistoryPlace {
  /** Its path. */
  readonly directory: string;
  /** Whether it is read as an archive; otherwise it has shards and sealed segments. */
  readonly archive: boolean;
  /** What was seen in it so far. */
  readonly counts: ReadCounts;
}

/**
 * The records of a time range from RAM and from archives, each of them once. Made by {@link readHistory}.
 *
 * @remarks
 * Reads as it is iterated; each iteration reads anew. What it gives is what was stored when the iteration began, however
 * busy an archiver is meanwhile: of a file that exists more than once one copy is read, from RAM, else the plain one in
 * the archive, else the compressed one. Compressed files are streamed; what is held in memory at a time is some hundred
 * kilobytes a file that is open, and of an archive one file is open at a time.
 *
 * Of a compressed file that is damaged everything counts that stands before the damage. It is named in
 * {@link History.counts}, as is what could not be read at all; neither fails the rest.
 *
 * @public
 */
export class History implements AsyncIterable<MetricRecord[]> {
  readonly #places: readonly Place[];
  readonly #range: TimeRange;
  readonly #own: boolean;
  readonly #threads: ReadThreads | undefined;

  /**
   * @internal
   *
   * @param own - Whether the archive is made of the one directory that is read, so that it holds nothing of a time from
   * which on everything is in there.
   */
  constructor(options: HistoryOptions, own = false) {
    this.#range = rangeOption(options);
    this.#own = own;
    this.#threads = options.threads;
    this.#places = findPlaces(options.directory, options.archive);
  }

  /** The directories that it reads, and what it saw in each of them so far. */
  get places(): HistoryPlace[] {
    return this.#places.map(({ directory, archive, counts }) => ({ directory, archive, counts }));
  }

  /** What was seen so far in all of them; `records` also counts those outside the time range that had to be read. */
  get counts(): ReadCounts {
    const total = { records: 0, torn: 0, foreign: 0, files: 0, bytes: 0 };
    for (const { counts } of this.#places) {
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key];
    }
    return { ...total, unreadable: this.#places.flatMap(({ unreadable }) => unreadable) };
  }

  /**
   * Reads, file after file, those first that were begun first. Records of one writer come in the order in which it stored
   * them.
   *
   * @returns Batches of records.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<MetricRecord[], void, undefined> {
    const { since, until } = this.#range;
    const list = new RecordList();
    for await (const _ of this.feed(list)) {
      const wanted = list.take().filter(({ time }) => time >= since && time < until);
      if (wanted.length > 0) yield wanted;
    }
  }

  /**
   * Hands over what iterating gives, in the same order, and some records from outside of the time range: the fastest way
   * to an answer.
   *
   * @example
   * ```ts
   * const analyzer = new Analyzer({ since });
   * for await (const _ of readHistory({ since }).feed(analyzer)) continue;
   * ```
   *
   * @param sink - Takes the records.
   * @returns Has a step after some hundred kilobytes each, at which reading goes on.
   */
  async *feed(sink: RecordSink): AsyncGenerator<void, void, undefined> {
    const open: Segment[] = [];
    try {
      const files = await this.#open(open);
      if (this.#threads !== undefined && isMuch(files, this.#threads)) {
        yield* feedThreaded(files, this.#range, this.#threads, sink);
        return;
      }
      for (const file of files) {
        for await (const _ of file.feed(sink)) yield;
      }
    } finally {
      for (const { fd } of open) closeSync(fd);
    }
  }

  /**
   * Reads the lines of the records, byte for byte as they were stored, those of all shards merged by their time. A line
   * that a torn one precedes without a newline is given without that; bytes that are no UTF-8 become U+FFFD.
   *
   * @remarks
   * Lines of one shard stay in the order in which they were stored: a late one is as late here, and everything else is
   * in the order of time.
   *
   * @param wanted - Which of the records are wanted; all of the time range where it is left out.
   * @returns Whole lines, newlines included, some at a time.
   */
  async *lines(wanted?: (record: MetricRecord) => boolean): AsyncGenerator<Uint8Array, void, undefined> {
    const { since, until } = this.#range;
    const open: Segment[] = [];
    try {
      const chains = new Map<string, HistoryFile[]>();
      for (const file of await this.#open(open)) {
        const chain = `${this.#places.indexOf(file.place)} ${file.name.shard}`;
        chains.set(chain, [...(chains.get(chain) ?? []), file]);
      }
      const { mergeLines } = await import('./history-merge.js');
      yield* mergeLines([...chains.values()].map(chunksOfAll), (record) => {
        const { time } = record;
        return time >= since && time < until && wanted?.(record) !== false;
      });
    } finally {
      for (const { fd } of open) closeSync(fd);
    }
  }

  /** Opens what is in RAM, and finds what of the archives is to be read beside that. */
  async #open(open: Segment[]): Promise<HistoryFile[]> {
    const hot: HistoryFile[] = [];
    const inodes = new Set<string>();
    for (const place of this.#places) {
      if (place.archive) continue;
      for (const segment of openSegments(place.directory, place.unreadable)) {
        open.push(segment);
        const inode = `${segment.stat.dev}:${segment.stat.ino}`;
        // A directory may be named twice.
        if (inodes.has(inode)) continue;
        inodes.add(inode);
        hot.push(plainFile(place, segment, this.#range));
      }
    }
    const archives = this.#places.filter(({ archive }) => archive);
    const { since, latenessMs } = this.#range;
    const all = archives.length === 0 || (this.#own && isAllIn(open, since - latenessMs));
    const archived = all ? [] : await archivedFiles(archives, open, this.#range);
    return [...archived, ...hot].sort(compareBegin);
  }
}

/**
 * Reads the records of a time range from shards, sealed segments and archives, each record once.
 *
 * @param options - Where, and from when to when.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option or a variable is bad, such as a time that is NaN; `ERR_METRICS_DIRECTORY` where a named
 * directory or archive is missing or is none. A missing default directory is empty.
 *
 * @public
 */
export function readHistory(options: HistoryOptions = {}): History {
  return new History(options);
}

/** The modules for that are loaded only where it is needed. */
async function archivedFiles(
  places: readonly Place[],
  open: Segment[],
  range: TimeRange,
): Promise<HistoryFile[]> {
  const { findArchived } = await import('./history-archive.js');
  return findArchived(places, [...open], range, open);
}

async function* chunksOfAll(files: readonly HistoryFile[]): AsyncGenerator<Chunk, void, undefined> {
  const list = new RecordList();
  for (const file of files) {
    for await (const { bytes, spans } of file.feed(list, true)) yield { records: list.take(), bytes, spans };
  }
}
