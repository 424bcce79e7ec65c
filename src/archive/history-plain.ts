import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RecordSink } from '../points.js';
import { TIMESTAMP_END } from '../record.js';
import { ChunkReader, type Extent, extentOf, firstTimeIn, type TimeRange } from '../store/chunks.js';
import type { Segment } from '../store/segments.js';
import type { HistoryFile, Lines, Place } from './history-place.js';

/** Milliseconds of work after which others in this process have their turn. */
const TURN_MS = 10;

/** A file that is open, read up to the size that it had then. */
export function plainFile(place: Place, segment: Segment, range: TimeRange): HistoryFile {
  const begin = firstTime(segment.fd);
  let found: Extent | undefined;
  // Whoever asks how much there is to read looks for it once, and then reads it.
  const extent = (): Extent => (found ??= extentOf(segment, range));
  return {
    place,
    name: segment,
    begin,
    extent,
    feed: (sink, withSpans = false) => feed(place, segment, extent, range, sink, withSpans),
  };
}

/** Time of the record that a file begins with; infinity where it begins with none. */
export function firstTime(fd: number): number {
  const head = Buffer.alloc(TIMESTAMP_END);
  readSync(fd, head, 0, TIMESTAMP_END, 0);
  const time = firstTimeIn(head);
  return Number.isNaN(time) ? Infinity : time;
}

async function* feed(
  place: Place,
  segment: Segment,
  extent: () => Extent,
  range: TimeRange,
  sink: RecordSink,
  withSpans: boolean,
): AsyncGenerator<Lines, void, undefined> {
  place.files += 1;
  let turn = performance.now();
  try {
    const reader = new ChunkReader(extent(), range, place.decoder);
    for (;;) {
      const spans: number[] = [];
      const bytes = reader.next(sink, withSpans ? spans : undefined);
      if (bytes === undefined) return;
      place.bytes += bytes.length;
      yield { bytes, spans };
      if (performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      turn = performance.now();
    }
  } catch (error) {
    place.refuse(segment, error);
  }
}
