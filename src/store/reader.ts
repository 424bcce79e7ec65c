import { closeSync, opendirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { FEED, RecordList, type RecordSink } from '../points.js';
import type { MetricRecord } from '../record.js';
import { ChunkReader, extentOf, type TimeRange } from './chunks.js';
import { type ShardDirectory, shardDirectory } from './directory.js';
import { type LineCounts, LineDecoder } from './lines.js';
import { openSegments, type Segment, type UnreadableFile } from './segments.js';
import { rangeOption } from './time-range.js';

/**
 * What {@link readRecords} can be told; every field is optional.
 *
 * @public
 */
export interface ReadOptions {
  /**
   * Directory of the shards. A named directory must exist.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Unix milliseconds of the first record wanted, itself included.
   *
   * @defaultValue the first there is
   */
  readonly since?: number | undefined;
  /**
   * Unix milliseconds before which the last record wanted was appended, itself excluded.
   *
   * @defaultValue no end
   */
  readonly until?: number | undefined;
  /**
   * How much later than a younger record an older one may stand in its file, in milliseconds.
   *
   * @defaultValue 60,000
   */
  readonly maxLatenessMs?: number | undefined;
}

/**
 * What a reading came across so far.
 *
 * @public
 */
export interface ReadCounts extends LineCounts {
  /** Files looked into. */
  files: number;
  /** Bytes read. */
  bytes: number;
  /** Files that could not be read. */
  unreadable: UnreadableFile[];
}

/**
 * The records of a time range, in the order of their file, file after file. Made by {@link readRecords}.
 *
 * @remarks
 * Reads as it is iterated, synchronously; each iteration reads anew. Damaged lines are skipped and counted, unreadable
 * files are named in {@link RecordReader.counts}: neither fails the rest.
 *
 * @public
 */
export class RecordReader implements Iterable<MetricRecord> {
  readonly #directory: ShardDirectory;
  readonly #range: TimeRange;
  readonly #counts: Omit<ReadCounts, keyof LineCounts> = { files: 0, bytes: 0, unreadable: [] };
  readonly #decoder = new LineDecoder();

  /** @internal */
  constructor(options: ReadOptions) {
    this.#directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.#range = rangeOption(options);
  }

  /** Where it reads. */
  get directory(): string {
    return this.#directory.path;
  }

  /** What was seen so far; `records` also counts those outside the time range that had to be read. */
  get counts(): ReadCounts {
    return { ...this.#counts, ...this.#decoder.counts };
  }

  /**
   * Reads.
   *
   * @throws MetricsError `ERR_METRICS_DIRECTORY` where a named directory is missing or cannot be read. A missing
   * default directory is empty.
   */
  [Symbol.iterator](): Iterator<MetricRecord, undefined> {
    // By hand, for a generator that yields each record would cost as much as reading it does.
    const { since, until } = this.#range;
    const list = new RecordList();
    const chunks = this.#feed(list);
    let records: readonly MetricRecord[] = [];
    let at = 0;
    const next = (): IteratorResult<MetricRecord, undefined> => {
      for (;;) {
        for (; at < records.length; at += 1) {
          const value = records[at]!;
          if (value.time < since || value.time >= until) continue;
          at += 1;
          return { done: false, value };
        }
        if (chunks.next().done === true) return { done: true, value: undefined };
        records = list.take();
        at = 0;
      }
    };
    const end = (): IteratorResult<MetricRecord, undefined> => {
      chunks.return();
      return { done: true, value: undefined };
    };
    return { next, return: end };
  }

  /**
   * Hands over what iterating gives, and some from outside of the time range: what `analyze` does with a reader.
   *
   * @internal
   */
  [FEED](sink: RecordSink): void {
    const chunks = this.#feed(sink);
    while (chunks.next().done !== true);
  }

  /** Hands over the records of all files that may be in the range, a chunk at a time. */
  *#feed(sink: RecordSink): Generator<undefined, void, undefined> {
    requireDirectory(this.#directory);
    const segments = openSegments(this.#directory.path, this.#counts.unreadable);
    try {
      for (const segment of segments) yield* this.#feedOne(segment, sink);
    } finally {
      for (const { fd } of segments) closeSync(fd);
    }
  }

  /** Hands over the records of one file that may be in the range, a chunk at a time. */
  *#feedOne(segment: Segment, sink: RecordSink): Generator<undefined, void, undefined> {
    this.#counts.files += 1;
    try {
      const reader = new ChunkReader(extentOf(segment, this.#range), this.#range, this.#decoder);
      for (let bytes = reader.next(sink); bytes !== undefined; bytes = reader.next(sink)) {
        this.#counts.bytes += bytes.length;
        yield;
      }
    } catch (error) {
      this.#counts.unreadable.push({
        file: segment.name,
        reason: (error as NodeJS.ErrnoException).code ?? String(error),
      });
    }
  }
}

/**
 * Reads the records of a time range from all shards and sealed segments.
 *
 * @param options - Where, and from when to when.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option or a variable is bad, such as a time that is NaN.
 *
 * @public
 */
export function readRecords(options: ReadOptions = {}): RecordReader {
  return new RecordReader(options);
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a directory',
  EACCES: 'cannot be read by this user (EACCES)',
};

/**
 * Refuses a named directory that cannot be read.
 *
 * @param what - What it is, for people.
 * @throws MetricsError `ERR_METRICS_DIRECTORY`
 */
export function requireDirectory({ path, explicit }: ShardDirectory, what = 'directory'): void {
  const problem = directoryProblem(path);
  if (problem === undefined || (problem === 'ENOENT' && !explicit)) return;
  throw new MetricsError('ERR_METRICS_DIRECTORY', `${what} ${path} ${PROBLEMS[problem] ?? problem}`);
}

function directoryProblem(path: string): string | undefined {
  try {
    // Done and not asked about: access(2) knows nothing of capabilities, with which a user may read what is not their own.
    opendirSync(path).closeSync();
    statSync(join(path, '.'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
