import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { MetricRecord } from '../../record.js';
import { fileProblem } from '../../store/directory.js';
import { LineDecoder } from '../../store/lines.js';
import type { FileLock } from '../../store/lock.js';
import { listSegments } from '../../store/segments.js';

/** What one live file looks like. */
export interface LiveFile {
  readonly name: string;
  readonly shard: number;
  readonly path: string;
  readonly stat: Stats;
  /** Why neither agents nor readers touch it. */
  readonly refused?: string | undefined;
  /** Whether this user may append to it. */
  readonly writable: boolean;
  /** Whether somebody holds it locked for himself. */
  readonly locked: boolean;
  /** Unix milliseconds of the last record. */
  readonly lastTime?: number | undefined;
  /** Torn and foreign lines in the last 64 KiB. */
  readonly torn: number;
  readonly foreign: number;
}

const LOOK_BYTES = 65_536;

/** Looks at every live file of a directory, without changing, creating, following or waiting for anything. */
export function liveFiles(directory: string, lock: FileLock): LiveFile[] {
  return listSegments(directory)
    .filter(({ date }) => date === undefined)
    .flatMap(({ name, shard }) => {
      const path = join(directory, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat === undefined ? [] : [look({ name, shard, path, stat }, directory, lock)];
    });
}

function look(
  file: Pick<LiveFile, 'name' | 'shard' | 'path' | 'stat'>,
  directory: string,
  lock: FileLock,
): LiveFile {
  const untouched = { ...file, writable: false, locked: false, torn: 0, foreign: 0 };
  if (file.stat.isSymbolicLink()) return { ...untouched, refused: 'is a symbolic link' };
  if (file.stat.isFIFO()) return { ...untouched, refused: 'is a FIFO' };
  const refused = fileProblem(directory, file.stat);
  if (refused !== undefined) return { ...untouched, refused };
  const writable = opened(file.path, constants.O_WRONLY | constants.O_APPEND, () => true) ?? false;
  const seen = opened(file.path, constants.O_RDONLY, (fd) => ({
    locked: isLocked(fd, lock),
    ...lastRecords(fd),
  }));
  return { ...untouched, ...seen, writable };
}

function opened<T>(path: string, flags: number, use: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function isLocked(fd: number, lock: FileLock): boolean {
  if (!lock.tryShared(fd)) return true;
  lock.unlock(fd);
  return false;
}

function lastRecords(fd: number): Pick<LiveFile, 'lastTime' | 'torn' | 'foreign'> {
  const { size } = fstatSync(fd);
  const start = Math.max(0, size - LOOK_BYTES);
  const buffer = Buffer.alloc(size - start);
  const bytes = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, start));
  const decoder = new LineDecoder();
  const records: MetricRecord[] = [];
  // The first line is whole only where the look begins at the beginning.
  const whole = start === 0 ? bytes : bytes.subarray(bytes.indexOf('\n') + 1);
  decoder.decode(whole, false, records);
  const { torn, foreign } = decoder.counts;
  return { lastTime: records.at(-1)?.time, torn, foreign };
}
