import type { MetricsError } from '../errors.js';
import type { SegmentEntry } from './entry.js';

/**
 * Something that an archiver did, or that went wrong.
 *
 * @public
 */
export type ArchiveEvent =
  | {
      /** Everything that was in RAM when it began is on the disk. */
      readonly type: 'synced';
      /** Bytes that were copied. */
      readonly bytes: number;
      /** How long it took. */
      readonly ms: number;
    }
  | {
      /** A live shard became a segment. */
      readonly type: 'sealed';
      /** Name of the segment in RAM. */
      readonly name: string;
    }
  | {
      /** A segment was compressed, or what was added to it afterwards was. */
      readonly type: 'compressed';
      /** Name of the segment in the archive, without `.gz`. */
      readonly name: string;
      /** Its manifest entry. */
      readonly entry: SegmentEntry;
    }
  | {
      /** A segment left RAM; it is in the archive. */
      readonly type: 'released';
      /** Name of the segment in RAM. */
      readonly name: string;
      /** Why: its age, or because RAM was full. */
      readonly reason: 'age' | 'size';
    }
  | {
      /** A segment was deleted from the archive. */
      readonly type: 'deleted';
      /** Name of the segment, without `.gz`. */
      readonly name: string;
      /** Why: its age, or because the archive was larger than it may be. */
      readonly reason: 'age' | 'size';
    }
  | {
      /** Something failed, for the first time or in another way than before; it is tried again. */
      readonly type: 'error';
      /** What failed. */
      readonly error: MetricsError;
      /** Milliseconds until the next attempt. */
      readonly retryMs: number;
    }
  | {
      /** What failed before works again. */
      readonly type: 'recovered';
      /** How long it did not. */
      readonly ms: number;
    };
