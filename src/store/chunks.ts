import { readSync } from 'node:fs';
import type { RecordSink } from '../points.js';
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

/** Reads an open file up to the size that it had when it was opened, as far as it may be of a time range. */
export class ChunkReader {
  readonly #fd: number;
  readonly #size: number;
  readonly #range: TimeRange;
  readonly #decoder: LineDecoder;
  readonly #buffer: Buffer;
  #older: Older | undefined;
  #offset: number;

  /**
   * Finds where to begin.
   *
   * @throws a system error where it cannot be read.
   */
  constructor({ fd, stat: { size } }: Pick<Segment, 'fd' | 'stat'>, range: TimeRange, decoder: LineDecoder) {
    const { since, latenessMs } = range;
    this.#fd = fd;
    this.#size = size;
    this.#range = range;
    this.#decoder = decoder;
    this.#older = since === -Infinity ? undefined : new Older(since);
    this.#offset = since === -Infinity ? 0 : seekTime(fd, size, since - latenessMs);
    this.#buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - this.#offset));
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
    if (this.#offset >= this.#size) return undefined;
    const wanted = Math.min(this.#buffer.length, this.#size - this.#offset);
    const length = readSync(this.#fd, this.#buffer, 0, wanted, this.#offset);
    const bytes = this.#buffer.subarray(0, length);
    const done = this.#decoder.feed(bytes, length === CHUNK_BYTES, sink, { spans, older: this.#older });
    this.#offset += done;
    const last = this.#decoder.lastTime;
    if (done === 0 || last - latenessMs > until) this.#offset = this.#size;
    // Hardly any line from here on is older, so looking at each would cost more than it saves.
    if (last - latenessMs >= since) this.#older = undefined;
    return bytes.subarray(0, done);
  }
}
