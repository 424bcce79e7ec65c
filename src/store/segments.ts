import { closeSync, constants, fstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { fileProblem, userId } from './directory.js';
import { parseName, type SegmentName } from './shard.js';

/** A file that could not be read, and why. */
export interface UnreadableFile {
  /** Its path. */
  readonly file: string;
  /** Code of the system error, or what is wrong with the file. */
  readonly reason: string;
  /** How many of its records were read before the damage; absent where it was not read. */
  readonly records?: number;
}

/** A file as one that an error kept from being read. */
export function unreadableBy(error: unknown, file: string): UnreadableFile {
  const { code, message = String(error) } = error as Partial<NodeJS.ErrnoException>;
  return { file, reason: code ?? message };
}

/** A segment or live file, open for reading. */
export interface Segment extends SegmentName {
  readonly fd: number;
  readonly stat: Stats;
}

/** Names of the segments and live files in a directory, the oldest first; none where the directory is missing. */
export function listSegments(directory: string): SegmentName[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .map(parseName)
    .filter((name) => name !== undefined)
    .sort(compareAge);
}

/** Whether two are of one file; never where there is none. */
export function sameFile(a: Stats | undefined, b: Stats): boolean {
  return a?.ino === b.ino && a.dev === b.dev;
}

/** Orders segments by date, live files last, then by shard and number. */
export function compareAge(a: SegmentName, b: SegmentName): number {
  return age(a) - age(b) || a.shard - b.shard || a.sequence - b.sequence;
}

/** More than any date of eight digits. */
const LIVE_AGE = 100_000_000;

/** Live files sort after every date. (Not with localeCompare, which loads collation data for 10 ms.) */
function age({ date }: SegmentName): number {
  return date === undefined ? LIVE_AGE : Number(date);
}

/**
 * Opens everything there is to read, each file once.
 *
 * @remarks
 * While a sealer works, one file has two names for a moment, and its old name may already mean another file. So files are told apart by inode,
 * and the directory is listed again until nothing is new.
 *
 * @param directory - The directory.
 * @param unreadable - Receives what cannot be opened.
 */
export function openSegments(directory: string, unreadable: UnreadableFile[]): Segment[] {
  const segments = new Map<string, Segment>();
  const refused = new Set<string>();
  for (let fresh = true; fresh;) {
    fresh = false;
    for (const name of listSegments(directory)) {
      if (refused.has(name.name)) continue;
      const segment = openSegment(directory, name);
      if (segment === undefined) continue;
      if ('reason' in segment) {
        refused.add(name.name);
        unreadable.push(segment);
        continue;
      }
      const key = `${segment.stat.dev}:${segment.stat.ino}`;
      if (segments.has(key)) {
        closeSync(segment.fd);
        continue;
      }
      segments.set(key, segment);
      fresh = true;
    }
  }
  return [...segments.values()];
}

/**
 * Opens one file for reading, without following a symbolic link or waiting for a FIFO's writer.
 *
 * @returns The open file; what is wrong with it; or undefined where it is gone.
 */
export function openSegment(directory: string, name: SegmentName): Segment | UnreadableFile | undefined {
  const file = join(directory, name.name);
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    // Root may look at anybody's shards; everybody else reads only what nobody could have planted.
    const problem = userId() === 0 && stat.isFile() ? undefined : fileProblem(directory, stat);
    if (problem === undefined) return { ...name, fd, stat };
    closeSync(fd);
    return { file, reason: problem };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : unreadableBy(error, file);
  }
}
