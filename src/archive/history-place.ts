import { join } from 'node:path';
import type { RecordSink } from '../points.js';
import type { Extent } from '../store/chunks.js';
import { LineDecoder } from '../store/lines.js';
import type { ReadCounts } from '../store/reader.js';
import { compareAge, type UnreadableFile } from '../store/segments.js';
import type { SegmentName } from '../store/shard.js';

/** A directory that is read, and what was seen in it so far. */
export class Place {
  readonly directory: string;
  readonly archive: boolean;
  readonly decoder = new LineDecoder();
  readonly unreadable: UnreadableFile[] = [];
  files = 0;
  bytes = 0;

  constructor(directory: string, archive: boolean) {
    this.directory = directory;
    this.archive = archive;
  }

  /** Remembers that a file could not be read, and why. */
  refuse({ name }: SegmentName, error: unknown): void {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    this.unreadable.push({ file: join(this.directory, name), reason });
  }

  get counts(): ReadCounts {
    const { files, bytes, unreadable } = this;
    return { files, bytes, unreadable: [...unreadable], ...this.decoder.counts };
  }
}

/** Some lines of a file. */
export interface Lines {
  /** Valid until the next ones are asked for. */
  readonly bytes: Buffer;
  /** Where in the bytes the line of each record begins and ends, two numbers a record; empty where nobody asked. */
  readonly spans: readonly number[];
}

/** A file that is going to be read. */
export interface HistoryFile {
  readonly place: Place;
  /** Its name as a segment, without `.gz`. */
  readonly name: SegmentName;
  /** Time of the record that it begins with, in Unix milliseconds; infinity where nobody can tell. */
  readonly begin: number;
  /**
   * What of it may be wanted; only a plain file can be read in parts.
   *
   * @throws a system error where it cannot be read.
   */
  extent?(): Extent;
  /**
   * Reads it, and hands over its records, some lines at a time. What is wrong with it is told to the place, and thrown at
   * nobody.
   */
  feed(sink: RecordSink, withSpans?: boolean): AsyncGenerator<Lines, void, undefined>;
}

/** Orders files by what they begin with: names are given anew, and so tell the order of days only. */
export function compareBegin(a: HistoryFile, b: HistoryFile): number {
  if (a.begin !== b.begin) return a.begin < b.begin ? -1 : 1;
  return compareAge(a.name, b.name);
}
