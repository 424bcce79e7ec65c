import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { MetricsError } from '../errors.js';
import { parseName } from './shard.js';

/** Where shards live by default: RAM that every process of the host sees. */
const SHARED_MEMORY = '/dev/shm';

/** Where shards live, and who said so. */
export interface ShardDirectory {
  readonly path: string;
  /** Whether it was named by an option or by `CFN_METRICS_DIR`, and so must exist. */
  readonly explicit: boolean;
}

/**
 * Finds the directory of the shards.
 *
 * @param named - What an option or `CFN_METRICS_DIR` says.
 * @returns The named one, else `/dev/shm`, else, where that does not exist, `cfn-metrics-<uid>` in the temporary
 * directory. Nothing is created.
 */
export function shardDirectory(named: string | undefined): ShardDirectory {
  if (named !== undefined && named !== '') return { path: named, explicit: true };
  if (hasSharedMemory()) return { path: SHARED_MEMORY, explicit: false };
  return { path: join(tmpdir(), `cfn-metrics-${userId()}`), explicit: false };
}

/** The same directory, also after the process went to work in another one. */
export function standing(directory: ShardDirectory): ShardDirectory {
  if (isAbsolute(directory.path)) return directory;
  try {
    return { ...directory, path: resolve(directory.path) };
  } catch {
    // Where the process works is gone already, and what is relative to it does not exist.
    return directory;
  }
}

/** The user whose rights count. */
export function userId(): number {
  return process.geteuid?.() ?? 0;
}

/** Where Node's permission model does not let us look, it says why as soon as a file is opened there. */
function hasSharedMemory(): boolean {
  try {
    return isDirectory(SHARED_MEMORY);
  } catch {
    return true;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * Makes sure that the directory can be used: creates the private default one, 0700, and checks who owns it.
 *
 * @throws MetricsError `ERR_METRICS_DIRECTORY` where a named directory is missing or none, or where somebody else
 * made the private one.
 */
export function prepareDirectory(directory: ShardDirectory): void {
  const { path, explicit } = directory;
  if (isDirectory(path) && (explicit || path === SHARED_MEMORY)) return;
  if (explicit) {
    throw refused(`directory ${path} does not exist: create it, or set CFN_METRICS_DIR to one that does`);
  }
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  if (!stat.isDirectory() || stat.uid !== userId() || (stat.mode & 0o022) !== 0) {
    throw refused(`${path} is not a directory of this user alone: set CFN_METRICS_DIR to one that is`);
  }
}

/**
 * Opens a live shard file for appending, and creates it where this user may.
 *
 * @remarks
 * A file that exists is opened without O_CREAT, which Linux refuses on another user's file in a sticky directory
 * (`fs.protected_regular`). Neither a planted symbolic link nor a FIFO is ever followed or waited for.
 *
 * @returns The descriptor and the file's inode.
 * @throws MetricsError `ERR_METRICS_DIRECTORY` where the file is not one to write into; a system error otherwise.
 */
export function openForAppend(directory: ShardDirectory, name: string): { fd: number; stat: Stats } {
  const path = join(directory.path, name);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let fd = tryOpen(path, flags);
  if (fd === undefined) {
    prepareDirectory(directory);
    refuseIfShared(directory.path);
    // Whoever comes second finds the file of the first.
    fd = tryOpen(path, flags | constants.O_CREAT | constants.O_EXCL) ?? tryOpen(path, flags);
  }
  if (fd === undefined) throw refused(`${path} disappeared while it was opened`);
  const stat = fstatSync(fd);
  const problem = fileProblem(directory.path, stat);
  if (problem === undefined) return { fd, stat };
  closeSync(fd);
  throw refused(`${path} ${problem}`);
}

function tryOpen(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EEXIST') return undefined;
    if (code === 'ELOOP') throw refused(`${path} is a symbolic link`);
    if (code === 'ENXIO') throw refused(`${path} is a FIFO`);
    if (code === 'EACCES') throw refused(`${path} may not be written by this user`);
    throw error;
  }
}

/**
 * What makes a file no shard to trust, if anything.
 *
 * @remarks
 * Files of this user are its own; files of root and of the directory's owner are what `cfn-metrics init` makes for a
 * group. Whoever else owns a file in a shared directory may have planted it.
 */
export function fileProblem(directory: string, stat: Stats): string | undefined {
  if (!stat.isFile()) return 'is not a regular file';
  if (stat.uid === userId() || stat.uid === 0 || stat.uid === statSync(directory).uid) return undefined;
  return `belongs to user ${stat.uid}, not to this one`;
}

/** A group may write. */
const GROUP_WRITES = 0o020;

/** Where `init` made the shards for a group, nobody but their owner makes further ones. */
function refuseIfShared(directory: string): void {
  const uid = userId();
  for (const name of readdirSync(directory)) {
    if (parseName(name)?.date !== undefined || parseName(name) === undefined) continue;
    const stat = lstatSync(join(directory, name), { throwIfNoEntry: false });
    if (stat === undefined || stat.uid === uid || (stat.mode & GROUP_WRITES) === 0) continue;
    if (fileProblem(directory, stat) !== undefined) continue;
    throw refused(`${directory} holds shards made for a group, and this one is missing among them`);
  }
}

function refused(what: string): MetricsError {
  return new MetricsError(
    'ERR_METRICS_DIRECTORY',
    `${what} (set CFN_METRICS_DIR to a directory of your own, or have root run "cfn-metrics init")`,
  );
}
