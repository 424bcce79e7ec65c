import { isUtf8 } from 'node:buffer';
import type { MetricRecord } from '../record.js';
import type { Lines } from './history-place.js';

/** Bytes handed out at a time. */
const OUTPUT_BYTES = 131_072;

/** Some lines of a file, with the records in them. */
export interface Chunk extends Lines {
  readonly records: readonly MetricRecord[];
}

/** Says whether a record is wanted. */
export type RecordFilter = (record: MetricRecord) => boolean;

/** Where one chain of files is. */
class Cursor {
  readonly #chunks: AsyncIterator<Chunk, void, undefined>;
  readonly #wanted: RecordFilter;
  #chunk: Chunk = { records: [], bytes: Buffer.alloc(0), spans: [] };
  #at = -1;
  /** Time of the record that it is at. */
  time = 0;

  constructor(chunks: AsyncIterator<Chunk, void, undefined>, wanted: RecordFilter) {
    this.#chunks = chunks;
    this.#wanted = wanted;
  }

  /** Goes to the next wanted record of the chunk; false where it has no more. */
  step(): boolean {
    const { records } = this.#chunk;
    while (++this.#at < records.length) {
      const record = records[this.#at]!;
      if (!this.#wanted(record)) continue;
      this.time = record.time;
      return true;
    }
    return false;
  }

  /** Goes to the first wanted record of the chunks behind this one; false at the end. */
  async refill(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return false;
      this.#chunk = wellFormed(value);
      this.#at = -1;
      if (this.step()) return true;
    }
  }

  async end(): Promise<void> {
    await this.#chunks.return?.();
  }

  get bytes(): Buffer {
    return this.#chunk.bytes;
  }

  /** Where the line of the record begins. */
  get start(): number {
    return this.#chunk.spans[2 * this.#at]!;
  }

  /** Where it ends, newline included. */
  get lineEnd(): number {
    return this.#chunk.spans[2 * this.#at + 1]!;
  }
}

/**
 * Merges chains of files by time, as far as each of them is in order.
 *
 * @returns Whole lines as they were stored, some at a time.
 */
export async function* mergeLines(
  chains: readonly AsyncIterator<Chunk, void, undefined>[],
  wanted: RecordFilter,
): AsyncGenerator<Buffer, void, undefined> {
  const cursors = chains.map((chain) => new Cursor(chain, wanted));
  const waiting: Cursor[] = [];
  const output = new Output();
  try {
    for (const cursor of cursors) if (await cursor.refill()) waiting.push(cursor);
    while (waiting.length > 0) {
      const { cursor, limit } = earliest(waiting);
      let [start, end] = [cursor.start, cursor.start];
      let more: boolean;
      do {
        // Lines that follow one another are copied together.
        if (cursor.start !== end) {
          yield* output.add(cursor.bytes, start, end);
          start = cursor.start;
        }
        end = cursor.lineEnd;
        more = cursor.step();
      } while (more && cursor.time <= limit);
      yield* output.add(cursor.bytes, start, end);
      if (!more && !(await cursor.refill())) waiting.splice(waiting.indexOf(cursor), 1);
    }
    yield* output.rest();
  } finally {
    for (const cursor of cursors) await cursor.end();
  }
}

/** The cursor whose turn it is, and until when it stays that. */
function earliest(cursors: readonly Cursor[]): { cursor: Cursor; limit: number } {
  let cursor = cursors[0]!;
  let limit = Infinity;
  for (let i = 1; i < cursors.length; i += 1) {
    const other = cursors[i]!;
    if (other.time < cursor.time) {
      limit = cursor.time;
      cursor = other;
    } else if (other.time < limit) limit = other.time;
  }
  return { cursor, limit };
}

/** Collects lines, so that they are handed out many at a time. */
class Output {
  #buffer = Buffer.allocUnsafe(OUTPUT_BYTES);
  #length = 0;

  *add(bytes: Buffer, start: number, end: number): Generator<Buffer, void, undefined> {
    if (this.#length + end - start > OUTPUT_BYTES) yield* this.rest();
    if (end - start > OUTPUT_BYTES) yield Buffer.from(bytes.subarray(start, end));
    else this.#length += bytes.copy(this.#buffer, this.#length, start, end);
  }

  *rest(): Generator<Buffer, void, undefined> {
    if (this.#length === 0) return;
    yield this.#buffer.subarray(0, this.#length);
    // Whoever got it may keep it.
    this.#buffer = Buffer.allocUnsafe(OUTPUT_BYTES);
    this.#length = 0;
  }
}

/** Bytes that are no UTF-8 stand for U+FFFD in a record, and so they do in its line. */
function wellFormed(chunk: Chunk): Chunk {
  const { bytes, spans, records } = chunk;
  if (isUtf8(bytes)) return chunk;
  const lines = records.map((_, i) => Buffer.from(bytes.toString('utf8', spans[2 * i], spans[2 * i + 1])));
  let end = 0;
  const moved = lines.flatMap(({ length }) => [end, (end += length)]);
  return { records, bytes: Buffer.concat(lines), spans: moved };
}
