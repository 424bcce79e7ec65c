import type { MetricRecord } from '../record.js';
import { CHUNK_BYTES, type LineCounts, LineDecoder } from '../store/lines.js';

/** Turns chunks that end anywhere into records. */
export class LineFeed {
  readonly #decoder = new LineDecoder();
  #rest: Buffer = Buffer.alloc(0);

  /** What was seen so far. */
  get counts(): LineCounts {
    return this.#decoder.counts;
  }

  /** Bytes of the line that has not ended yet. */
  get pending(): number {
    return this.#rest.length;
  }

  /** Takes a chunk, and gives the records whose lines end in it. */
  push(chunk: Buffer): MetricRecord[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: MetricRecord[] = [];
    const done = this.#decoder.decode(bytes, bytes.length >= CHUNK_BYTES, records);
    // Copied, for whoever hands out the chunk may use its memory again.
    this.#rest = Buffer.from(bytes.subarray(done));
    return records;
  }
}
