import { closeSync } from 'node:fs';
import { openSegments, type Segment, type UnreadableFile } from '../store/segments.js';
import { type Source, sourceKey, sourceOf } from './source.js';

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
