import { createHash } from 'node:crypto';
import type { MetricRecord } from '../record.js';
import { CHUNK_BYTES, LineDecoder } from '../store/lines.js';
import type { SegmentSummary } from './entry.js';

const NEWLINE = 0x0a;

/** Sums up a segment while its bytes go by. */
export class SegmentDigest {
  readonly #hash = createHash('sha256');
  readonly #decoder = new LineDecoder();
  #rest: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #lines = 0;
  #first = Infinity;
  #last = -Infinity;

  /** Takes the next bytes. */
  update(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) this.#lines += 1;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: MetricRecord[] = [];
    const done = this.#decoder.decode(bytes, bytes.length >= CHUNK_BYTES, records);
    // Copied, for whoever hands out the chunk may use its memory again.
    this.#rest = Buffer.from(bytes.subarray(done));
    for (const { time } of records) {
      if (time < this.#first) this.#first = time;
      if (time > this.#last) this.#last = time;
    }
  }

  /** What all of it was. */
  summary(): SegmentSummary {
    const { torn, foreign } = this.#decoder.counts;
    return {
      bytes: this.#bytes,
      lines: this.#lines,
      // What does not end with a newline is a record that was cut off.
      torn: torn + (this.#rest.length > 0 ? 1 : 0),
      foreign,
      sha256: this.#hash.digest('hex'),
      first: isoTime(this.#first),
      last: isoTime(this.#last),
    };
  }
}

function isoTime(time: number): string | null {
  return Number.isFinite(time) ? new Date(time).toISOString() : null;
}
