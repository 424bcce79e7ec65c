import { closeSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordSink } from '../points.js';
import type { TimeRange } from '../store/chunks.js';
import { openSegment, type Segment } from '../store/segments.js';
import type { SegmentName } from '../store/shard.js';
import { COMPRESSED, ENTRY, parseEntries, parseEntry, type SegmentEntry } from './entry.js';
import { LineFeed } from './feed.js';
import type { HistoryFile, Lines, Place } from './history-place.js';

/** How often a segment is opened again that is replaced meanwhile, because a late writer made it longer. */
const MAX_TRIES = 10;

/** A compressed segment; it is opened only when its turn comes, for an archive has thousands. */
export function compressedFile(
  place: Place,
  name: SegmentName,
  entry: SegmentEntry | undefined,
  range: TimeRange,
): HistoryFile {
  const begin = entry?.first ? Date.parse(entry.first) : midnight(name);
  return { place, name, begin, feed: (sink, withSpans = false) => feed(place, name, range, sink, withSpans) };
}

/** When the day of a segment's first record began; where its name tells none, before everything. */
export function midnight({ date = '' }: SegmentName): number {
  const time = Date.parse(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T00:00:00.000Z`);
  return Number.isNaN(time) ? -Infinity : time;
}

/** The text of a small file; undefined where there is none that can be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

interface OpenCompressed extends Segment {
  /** Undefined where there is none. */
  readonly entry: SegmentEntry | undefined;
  /** Whether there is one that describes another file. */
  readonly strange: boolean;
}

async function* feed(
  place: Place,
  name: SegmentName,
  { until, latenessMs }: TimeRange,
  sink: RecordSink,
  withSpans: boolean,
): AsyncGenerator<Lines, void, undefined> {
  const file = open(place, name);
  // What its retention deleted meanwhile is as if it had been asked for a moment later.
  if (file === undefined) return;
  const path = join(place.directory, `${name.name}${COMPRESSED}`);
  const { gunzipUpToDamage } = await import('./history-gunzip.js');
  const { decoder } = place;
  const lines = new LineFeed(decoder);
  const before = decoder.counts.records;
  let bytes = 0;
  place.files += 1;
  try {
    for await (const piece of gunzipUpToDamage(file.fd, file.stat.size)) {
      bytes += piece.length;
      const spans: number[] = [];
      const whole = lines.feed(piece, sink, withSpans ? spans : undefined);
      const { lastTime } = decoder;
      place.bytes += whole.length;
      yield { bytes: whole, spans };
      if (lastTime - latenessMs > until) return;
    }
    // It is finished, so what has no newline is a record that was cut off.
    if (lines.pending > 0) decoder.counts.torn += 1;
    const problem = entryProblem(file, bytes);
    if (problem !== undefined)
      place.unreadable.push({ file: path, reason: problem, records: decoder.counts.records - before });
  } catch (error) {
    const { message } = error as Error;
    place.unreadable.push({ file: path, reason: message, records: decoder.counts.records - before });
  } finally {
    closeSync(file.fd);
  }
}

function entryProblem({ entry, strange }: OpenCompressed, bytes: number): string | undefined {
  if (strange) return 'its manifest entry describes another file';
  if (entry === undefined || entry.bytes === bytes) return undefined;
  return `it holds ${bytes} bytes, and ${entry.bytes} according to its manifest entry`;
}

function open(place: Place, name: SegmentName): OpenCompressed | undefined {
  const { directory } = place;
  const file = `${name.name}${COMPRESSED}`;
  for (let tries = 1; ; tries += 1) {
    const segment = openSegment(directory, { ...name, name: file });
    if (segment === undefined) return undefined;
    if ('reason' in segment) {
      place.unreadable.push(segment);
      return undefined;
    }
    // An entry is there before its segment, and knows the one before.
    const text = readText(join(directory, `${file}${ENTRY}`)) ?? '';
    const entry = parseEntry(text, segment.stat.size);
    const known = entry !== undefined || parseEntries(text).entry === undefined;
    const same = lstatSync(join(directory, file), { throwIfNoEntry: false })?.ino === segment.stat.ino;
    if (known || same || tries === MAX_TRIES) return { ...segment, entry, strange: !known };
    closeSync(segment.fd);
  }
}
