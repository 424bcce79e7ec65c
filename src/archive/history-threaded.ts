import type { RecordSink } from '../points.js';
import type { Extent, TimeRange } from '../store/chunks.js';
import { feedColumns } from '../store/columns.js';
import { nextLine } from '../store/seek.js';
import type { HistoryFile } from './history-place.js';
import type { ReadPart } from './read-thread.js';
import { type ReadThreads, readPart } from './read-threads.js';

/** Bytes that a thread reads at once. */
const PART_BYTES = 1_048_576;
/** Parts for each thread that are being read or wait for those before them: 200 KB each. */
const AHEAD = 3;

/** A part that a thread reads. */
interface Reading {
  readonly file: HistoryFile;
  readonly part: Promise<ReadPart>;
}

/** Whether so much has to be read of files that threads are worth their while. */
export function isMuch(files: readonly HistoryFile[], { minBytes }: ReadThreads): boolean {
  let bytes = 0;
  for (const file of files) {
    const extent = extentOf(file);
    if (extent === undefined) continue;
    bytes += extent.to - extent.from;
    if (bytes >= minBytes) return true;
  }
  return false;
}

/**
 * Reads files with threads, and hands over their records in the same order as without: parts are read at the same time,
 * and handed over one after the other.
 *
 * @returns Has a step after each part, at which reading goes on.
 */
export async function* feedThreaded(
  files: readonly HistoryFile[],
  range: TimeRange,
  threads: ReadThreads,
  sink: RecordSink,
): AsyncGenerator<void, void, undefined> {
  const reading: Reading[] = [];
  const over = new Set<HistoryFile>();
  const next = async (): Promise<void> => {
    const { file, part } = reading[0]!;
    const read = await part;
    reading.shift();
    take(file, read, sink);
    if (read.over) over.add(file);
  };
  try {
    for (const file of files) {
      const extent = extentOf(file);
      if (extent === undefined) {
        while (reading.length > 0) {
          await next();
          yield;
        }
        for await (const _ of file.feed(sink)) yield;
        continue;
      }
      file.place.files += 1;
      for (const part of partsOf(extent)) {
        if (over.has(file)) break;
        reading.push({ file, part: asked(readPart(threads, { extent: part, range })) });
        if (reading.length < AHEAD * threads.size) continue;
        await next();
        yield;
      }
    }
    while (reading.length > 0) {
      await next();
      yield;
    }
  } finally {
    // The files are closed after this: by then nobody may read them.
    await Promise.allSettled(reading.map(({ part }) => part));
  }
}

/** What fails while nobody waits for it yet fails when somebody does. */
function asked(part: Promise<ReadPart>): Promise<ReadPart> {
  part.catch(() => undefined);
  return part;
}

function take({ place, name }: HistoryFile, part: ReadPart, sink: RecordSink): void {
  const { counts } = place.decoder;
  counts.records += part.records;
  counts.torn += part.torn;
  counts.foreign += part.foreign;
  place.bytes += part.bytes;
  if (part.error !== undefined) place.refuse(name, { code: part.error });
  feedColumns(part.columns, part.series, sink);
}

/** What of a file is wanted; undefined where it cannot be read in parts, or not at all, which reading it will tell. */
function extentOf(file: HistoryFile): Extent | undefined {
  try {
    return file.extent?.();
  } catch {
    return undefined;
  }
}

/** Cuts whole lines off, until nothing is left. */
function* partsOf({ fd, from, to }: Extent): Generator<Extent, void, undefined> {
  for (let begin = from; begin < to;) {
    const end = endOfPart(fd, begin, to);
    yield { fd, from: begin, to: end };
    begin = end;
  }
}

function endOfPart(fd: number, begin: number, to: number): number {
  try {
    return nextLine(fd, begin + PART_BYTES, to);
  } catch {
    // Whoever reads the part will tell.
    return to;
  }
}
