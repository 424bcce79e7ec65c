import { createHash } from 'node:crypto';
import type { SegmentSummary } from './entry.js';
import { LineFeed } from './feed.js';

const NEWLINE = 0x0a;

/** Sums up a segment while its bytes go by. */
export class SegmentDigest {
  readonly #hash = createHash('sha256');
  readonly #feed = new LineFeed();
  #bytes = 0;
  #lines = 0;
  #first = Infinity;
  #last = -Infinity;

  /** Takes the next bytes. */
  update(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) this.#lines += 1;
    for (const { time } of this.#feed.push(chunk)) {
      if (time < this.#first) this.#first = time;
      if (time > this.#last) this.#last = time;
    }
  }

  /** What all of it was. */
  summary(): SegmentSummary {
    const { torn, foreign } = this.#feed.counts;
    return {
      bytes: this.#bytes,
      lines: this.#lines,
      // What does not end with a newline is a record that was cut off.
      torn: torn + (this.#feed.pending > 0 ? 1 : 0),
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
