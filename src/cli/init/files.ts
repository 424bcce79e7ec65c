import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../../errors.js';
import { userId } from '../../store/directory.js';
import { listSegments } from '../../store/segments.js';
import { liveName } from '../../store/shard.js';
import type { UserGroup } from './group.js';

/** What became of the live files, by name. */
export interface FilesOutcome {
  readonly created: string[];
  /** Had another group or mode, as after an earlier run that was interrupted. */
  readonly repaired: string[];
  readonly unchanged: string[];
  readonly notes: string[];
}

const MODE = 0o660;
const OPEN = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Makes the live files for a group.
 *
 * @remarks
 * Looks at all of them before it changes one, and never follows a link or opens for creation what exists: in a
 * directory like `/dev/shm` anybody may have planted something under these names.
 *
 * @throws MetricsError `ERR_METRICS_DIRECTORY` where one of the names is taken by what is no shard of this user.
 */
export function initFiles(directory: string, shards: number, group: UserGroup): FilesOutcome {
  const names = Array.from({ length: shards }, (_, shard) => liveName(shard));
  const planted = names.flatMap((name) => pathProblem(join(directory, name), group) ?? []);
  if (planted[0] !== undefined) {
    const more = planted.length === 1 ? '' : ` (and ${planted.length - 1} more like it)`;
    throw refused(`${planted[0]}${more}; nothing was changed: remove it and run init again`);
  }
  const outcome: FilesOutcome = { created: [], repaired: [], unchanged: [], notes: [] };
  for (const name of names) initFile(directory, name, group, outcome);
  const beyond = listSegments(directory).filter(({ date, shard }) => date === undefined && shard >= shards);
  if (beyond.length > 0) {
    const list = beyond.map(({ name }) => name).join(' ');
    outcome.notes.push(`there are shards beyond ${shards}, which readers read as well: ${list}`);
  }
  return outcome;
}

function initFile(directory: string, name: string, group: UserGroup, outcome: FilesOutcome): void {
  const path = join(directory, name);
  const { fd, fresh } = openOrCreate(path);
  try {
    const stat = fstatSync(fd);
    const problem = fileProblem(stat, group);
    if (problem !== undefined) throw refused(`${path} ${problem}`);
    const fitting = fits(stat, group);
    if (!fitting) {
      // The group first: while it is the wrong one, it is given nothing.
      fchownSync(fd, -1, group.gid);
      fchmodSync(fd, MODE);
    }
    (fresh ? outcome.created : fitting ? outcome.unchanged : outcome.repaired).push(name);
  } catch (error) {
    if (error instanceof MetricsError) throw error;
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const why = code === 'EPERM' ? `this user is neither root nor in group ${group.gid}` : code;
    throw refused(`${path} cannot be given to group ${group.name}: ${why}`, error);
  } finally {
    closeSync(fd);
  }
}

function openOrCreate(path: string): { fd: number; fresh: boolean } {
  const existing = tryOpen(path, OPEN);
  if (typeof existing === 'number') return { fd: existing, fresh: false };
  const created = tryOpen(path, OPEN | constants.O_CREAT | constants.O_EXCL);
  if (typeof created === 'number') return { fd: created, fresh: true };
  throw refused(
    `${path} ${created === 'EEXIST' ? 'was made by somebody else meanwhile' : `cannot be created: ${created}`}`,
  );
}

/** What makes a path no place for a shard of this user, if anything. */
function pathProblem(path: string, group: UserGroup): string | undefined {
  const fd = tryOpen(path, OPEN);
  if (fd === 'ENOENT') return undefined;
  if (fd === 'ELOOP') return `${path} is a symbolic link`;
  if (fd === 'ENXIO') return `${path} is a FIFO or socket`;
  if (fd === 'EISDIR') return `${path} is a directory`;
  if (typeof fd === 'string') return `${path} cannot be opened: ${fd}`;
  try {
    const problem = fileProblem(fstatSync(fd), group);
    return problem && `${path} ${problem}`;
  } finally {
    closeSync(fd);
  }
}

function fileProblem(stat: Stats, group: UserGroup): string | undefined {
  if (!stat.isFile()) return 'is not a regular file';
  if (stat.uid !== userId()) return `belongs to user ${stat.uid}`;
  // Somebody may have linked another file of this user here, for the group to be given it.
  if (stat.nlink !== 1 && !fits(stat, group)) return `is a file with ${stat.nlink} names`;
  return undefined;
}

function fits(stat: Stats, { gid }: UserGroup): boolean {
  return stat.gid === gid && (stat.mode & 0o7777) === MODE;
}

function tryOpen(path: string, flags: number): number | string {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function refused(message: string, cause?: unknown): MetricsError {
  return new MetricsError('ERR_METRICS_DIRECTORY', message, { cause });
}
