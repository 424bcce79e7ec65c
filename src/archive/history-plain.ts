import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Chunk, readChunks, type TimeRange } from '../store/chunks.js';
import { join } from 'node:path';
import type { Segment } from '../store/segments.js';
import type { HistoryFile, Place } from './history-place.js';

/** Milliseconds of work after which others in this process have their turn. */
const TURN_MS = 10;

/** A file that is open, read up to the size that it had then. */
export function plainFile(place: Place, segment: Segment, range: TimeRange): HistoryFile {
  return { place, name: segment, chunks: (withSpans) => chunksOf(place, segment, range, withSpans) };
}

async function* chunksOf(
  place: Place,
  segment: Segment,
  range: TimeRange,
  withSpans: boolean,
): AsyncGenerator<Chunk, void, undefined> {
  place.files += 1;
  let turn = performance.now();
  try {
    for (const chunk of readChunks(segment, range, place.decoder, withSpans)) {
      place.bytes += chunk.bytes.length;
      yield chunk;
      if (performance.now() - turn < TURN_MS) continue;
      await nextTurn();
      turn = performance.now();
    }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    place.unreadable.push({ file: join(place.directory, segment.name), reason });
  }
}
