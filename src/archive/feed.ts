import { RecordList, type RecordSink } from '../points.js';
import type { MetricRecord } from '../record.js';
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
    const list = new RecordList();
    this.feed(chunk, list);
    return list.take();
  }

  /**
   * Takes a chunk, and hands over the records whose lines end in it.
   *
   * @param spans - Receives where in these lines that of each record begins and ends.
   * @returns The lines that end in it.
   */
  feed(chunk: Buffer, sink: RecordSink, spans?: number[]): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const done = this.#decoder.feed(bytes, bytes.length >= CHUNK_BYTES, sink, { spans });
    // Copied, for whoever hands out the chunk may use its memory again.
    this.#rest = Buffer.from(bytes.subarray(done));
    return bytes.subarray(0, done);
  }
}
