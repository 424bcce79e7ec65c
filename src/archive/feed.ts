import type { MetricRecord } from '../record.js';
import type { Chunk } from '../store/chunks.js';
import { CHUNK_BYTES, type LineCounts, LineDecoder } from '../store/lines.js';

/** Turns chunks that end anywhere into records. */
export class LineFeed {
  readonly #decoder: LineDecoder;
  #rest: Buffer = Buffer.alloc(0);

  /** @param decoder - Counts; several feeds may have one. */
  constructor(decoder = new LineDecoder()) {
    this.#decoder = decoder;
  }

  /** What was seen so far. */
  get counts(): LineCounts {
    return this.#decoder.counts;
  }

  /** Bytes of the line that has not ended yet. */
  get pending(): number {
    return this.#rest.length;
  }

  /** Takes a chunk, and gives the records whose lines end in it. */
  push(chunk: Buffer): readonly MetricRecord[] {
    return this.take(chunk).records;
  }

  /**
   * Takes a chunk, and gives the lines that end in it.
   *
   * @param withSpans - Whether it is wanted where each line is.
   */
  take(chunk: Buffer, withSpans = false): Chunk {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: MetricRecord[] = [];
    const spans: number[] = [];
    const full = bytes.length >= CHUNK_BYTES;
    const done = this.#decoder.decode(bytes, full, records, { spans: withSpans ? spans : undefined });
    // Copied, for whoever hands out the chunk may use its memory again.
    this.#rest = Buffer.from(bytes.subarray(done));
    return { records, bytes: bytes.subarray(0, done), spans };
  }
}
