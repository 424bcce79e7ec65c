import { statfsSync } from 'node:fs';

/**
 * How an archiver is.
 *
 * @public
 */
export interface ArchiverStatus {
  /** Where the shards are. */
  readonly directory: string;
  /** Where the archive is. */
  readonly archive: string;
  /** What is wrong; null where nothing is. */
  readonly error: string | null;
  /** Seconds since the beginning of the last successful sync; null before the first. */
  readonly lagSeconds: number | null;
  /** Milliseconds since the last look at what is due. */
  readonly idleMs: number;
  /** Bytes copied into the archive since the start. */
  readonly syncedBytes: number;
  /** Errors since the start. */
  readonly errors: number;
  /** Bytes that the archive has; null where nobody knows. */
  readonly archiveBytes: number | null;
  /** Bytes that are free on the disk of the archive; null where nobody knows. */
  readonly freeBytes: number | null;
  /** Bytes of the shards and segments in RAM at the last look. */
  readonly hotBytes: number;
}

/** Bytes that are free on the disk of a directory; null where nobody knows. */
export function freeBytes(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
