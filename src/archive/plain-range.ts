import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RecordSink } from '../points.js';
import { ChunkReader, extentOf } from '../store/chunks.js';
import { LineDecoder } from '../store/lines.js';
import { openSegment } from '../store/segments.js';
import type { SegmentName } from '../store/shard.js';

/** How much later than a younger record an older one may stand in its file, as everywhere where nobody says otherwise. */
const LATENESS_MS = 60_000;

/**
 * Whether a plain copy holds a record of a time range.
 *
 * @remarks
 * Looks for the place in the file by its times, and reads from there to the first record of the range, or to where there
 * can be none: a few hundred kilobytes, however large the file is.
 *
 * @param path - Its path.
 * @param name - Its name.
 * @returns Also true where it cannot be read: whoever wants it is to hear of that.
 */
export function holdsRecord(path: string, name: SegmentName, since = -Infinity, until = Infinity): boolean {
  const segment = openSegment(dirname(path), name);
  if (segment === undefined || 'reason' in segment) return true;
  const range = { since, until, latenessMs: LATENESS_MS };
  const seen = { any: false };
  const look = (time: number): void => void (seen.any ||= time >= since && time < until);
  const sink: RecordSink = { point: (_series, time) => look(time), add: ({ time }) => look(time) };
  try {
    const reader = new ChunkReader(extentOf(segment, range), range, new LineDecoder());
    while (!seen.any && reader.next(sink) !== undefined);
    return seen.any;
  } catch {
    return true;
  } finally {
    closeSync(segment.fd);
  }
}
