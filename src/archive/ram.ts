import { closeSync, readSync } from 'node:fs';
import type { MetricRecord } from '../record.js';
import { LineDecoder } from '../store/lines.js';
import { openSegments, type Segment, type UnreadableFile } from '../store/segments.js';
import { type Source, sourceKey, sourceOf } from './source.js';

/** How much of a file is searched for its first record. */
const HEAD_BYTES = 131_072;

/** A live file or sealed segment in RAM, open for reading. */
export interface RamFile extends Segment {
  readonly source: Source;
  /** The source as one string. */
  readonly key: string;
}

/** Opens everything in RAM that there is to archive. */
export function openRam(directory: string, boot: string, unreadable: UnreadableFile[]): RamFile[] {
  return openSegments(directory, unreadable).map((segment) => {
    const source = sourceOf(segment.fd, boot);
    return { ...segment, source, key: sourceKey(source) };
  });
}

/** Closes them. */
export function closeRam(files: readonly RamFile[]): void {
  for (const { fd } of files) closeSync(fd);
}

/** Time of the first record of a file, in Unix milliseconds; undefined where there is none near its beginning. */
export function firstTime(fd: number): number | undefined {
  const buffer = Buffer.allocUnsafe(HEAD_BYTES);
  const records: MetricRecord[] = [];
  new LineDecoder().decode(buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0)), false, records);
  return records[0]?.time;
}
