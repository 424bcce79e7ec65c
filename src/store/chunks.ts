import { readSync } from 'node:fs';
import type { MetricRecord } from '../record.js';
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

/** Some lines of a file. */
export interface Chunk {
  readonly records: readonly MetricRecord[];
  /** The lines, valid until the next chunk of the same file is asked for. */
  readonly bytes: Buffer;
  /** Where in the bytes the line of each record begins and ends, two numbers a record; empty where nobody asked. */
  readonly spans: readonly number[];
}

/**
 * Reads the records of an open file that may be in a time range, up to the size that it had when it was opened.
 *
 * @param withSpans - Whether the lines of the records are wanted too.
 * @throws a system error where it cannot be read.
 */
export function* readChunks(
  { fd, stat: { size } }: Pick<Segment, 'fd' | 'stat'>,
  { since, until, latenessMs }: TimeRange,
  decoder: LineDecoder,
  withSpans = false,
): Generator<Chunk, void, undefined> {
  let offset = since === -Infinity ? 0 : seekTime(fd, size, since - latenessMs);
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - offset));
  let older = since === -Infinity ? undefined : new Older(since);
  while (offset < size) {
    const records: MetricRecord[] = [];
    const spans: number[] = [];
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, size - offset), offset);
    const bytes = buffer.subarray(0, length);
    const options = { spans: withSpans ? spans : undefined, older };
    const done = decoder.decode(bytes, length === CHUNK_BYTES, records, options);
    offset += done;
    yield { records, bytes: bytes.subarray(0, done), spans };
    const last = records.at(-1)?.time ?? -Infinity;
    if (done === 0 || last - latenessMs > until) return;
    // Hardly any line from here on is older, so looking at each would cost more than it saves.
    if (last - latenessMs >= since) older = undefined;
  }
}
