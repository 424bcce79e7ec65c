import type { Chunk } from '../store/chunks.js';
import { LineDecoder } from '../store/lines.js';
import type { ReadCounts } from '../store/reader.js';
import type { UnreadableFile } from '../store/segments.js';
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

  get counts(): ReadCounts {
    const { files, bytes, unreadable } = this;
    return { files, bytes, unreadable: [...unreadable], ...this.decoder.counts };
  }
}

/** A file that is going to be read. */
export interface HistoryFile {
  readonly place: Place;
  /** Its name as a segment, without `.gz`. */
  readonly name: SegmentName;
  /** Reads it. What is wrong with it is told to the place, and thrown at nobody. */
  chunks(withSpans: boolean): AsyncGenerator<Chunk, void, undefined>;
}
