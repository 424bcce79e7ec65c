import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseTime } from '../parse.js';
import type { RecordSink } from '../points.js';
import { START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from '../record.js';
import { ChunkReader, type Extent, extentOf, type TimeRange } from '../store/chunks.js';
import type { Segment } from '../store/segments.js';
import type { HistoryFile, Lines, Place } from './history-place.js';

/** Milliseconds of work after which others in this process have their turn. */
const TURN_MS = 10;

/** A file that is open, read up to the size that it had then. */
export function plainFile(place: Place, segment: Segment, range: TimeRange): HistoryFile {
  const begin = firstTime(segment.fd);
  let extent: Extent | undefined;
  return {
    place,
    name: segment,
    begin,
    extent: () => (extent ??= extentOf(segment, range)),
    feed: (sink, withSpans = false) => feed(place, segment, range, sink, withSpans),
  };
}

/** Time of the record that a file begins with; infinity where it begins with none. */
export function firstTime(fd: number): number {
  const head = Buffer.alloc(TIMESTAMP_END);
  const text = head.toString('latin1', 0, readSync(fd, head, 0, TIMESTAMP_END, 0));
  const time = text.startsWith(START_TEXT) ? parseTime(text.slice(TIMESTAMP_START)) : NaN;
  return Number.isNaN(time) ? Infinity : time;
}

async function* feed(
  place: Place,
  segment: Segment,
  range: TimeRange,
  sink: RecordSink,
  withSpans: boolean,
): AsyncGenerator<Lines, void, undefined> {
  place.files += 1;
  let turn = performance.now();
  try {
    const reader = new ChunkReader(extentOf(segment, range), range, place.decoder);
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
