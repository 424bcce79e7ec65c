import { readSync } from 'node:fs';
import { parseTime } from '../parse.js';
import type { RecordSink } from '../points.js';
import { START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from '../record.js';
import { CHUNK_BYTES, type LineDecoder } from './lines.js';
import { Older } from './older.js';
import { seekTime } from './seek.js';
import type { Segment } from './segments.js';

/** What of a file is wanted. */
export interface TimeRange {
  /** Unix milliseconds; -Infinity where there is no limit. */
  readonly since: number;
  /** Unix milliseconds, itself excluded; Infinity where there is no limit. */
  readonly until: number;
  /** How much later than a younger record an older one may stand in its file, in milliseconds. */
  readonly latenessMs: number;
}

/** A part of an open file: whole lines, but for what follows the last newline of the file. */
export interface Extent {
  readonly fd: number;
  /** Offset of its first line. */
  readonly from: number;
  /** Offset behind its last byte. */
  readonly to: number;
}

/**
 * Finds what of a file may be of a time range, up to the size that it had when it was opened.
 *
 * @throws a system error where it cannot be read.
 */
export function extentOf(
  { fd, stat }: Pick<Segment, 'fd' | 'stat'>,
  { since, latenessMs }: TimeRange,
): Extent {
  return { fd, from: since === -Infinity ? 0 : seekTime(fd, stat.size, since - latenessMs), to: stat.size };
}

/** Reads a part of a file, as far as it may be of a time range. */
export class ChunkReader {
  readonly #fd: number;
  readonly #to: number;
  readonly #range: TimeRange;
  readonly #decoder: LineDecoder;
  readonly #buffer: Buffer;
  #older: Older | undefined;
  #offset: number;

  /** Reads nothing yet. */
  constructor({ fd, from, to }: Extent, range: TimeRange, decoder: LineDecoder) {
    this.#fd = fd;
    this.#to = to;
    this.#range = range;
    this.#decoder = decoder;
    this.#older = range.since === -Infinity ? undefined : new Older(range.since);
    this.#offset = from;
    this.#buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - from));
  }

  /**
   * Hands the records of the next lines over to a sink.
   *
   * @param spans - Receives where in the bytes the line of each record begins and ends.
   * @returns The lines, valid until the next ones are asked for; undefined behind the last.
   * @throws a system error where they cannot be read.
   */
  next(sink: RecordSink, spans?: number[]): Buffer | undefined {
    const { since, until, latenessMs } = this.#range;
    if (this.#offset >= this.#to) return undefined;
    const wanted = Math.min(this.#buffer.length, this.#to - this.#offset);
    const length = readSync(this.#fd, this.#buffer, 0, wanted, this.#offset);
    const bytes = this.#buffer.subarray(0, length);
    // Hardly any line from here on is older, so looking at each would cost more than it saves.
    if (this.#older !== undefined && firstTimeIn(bytes) - latenessMs >= since) this.#older = undefined;
    const done = this.#decoder.feed(bytes, length === CHUNK_BYTES, sink, { spans, older: this.#older });
    this.#offset += done;
    const last = this.#decoder.lastTime;
    if (done === 0 || last - latenessMs > until) this.#offset = this.#to;
    return bytes.subarray(0, done);
  }
}

/** Time of the record that bytes begin with; NaN where they begin with none. */
export function firstTimeIn(bytes: Buffer): number {
  const head = bytes.toString('latin1', 0, TIMESTAMP_END);
  return head.startsWith(START_TEXT) ? parseTime(head.slice(TIMESTAMP_START)) : NaN;
}
