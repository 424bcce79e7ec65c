import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { FileLock } from '../store/lock.js';

/** What the holder of a lock says of itself, as JSON in the lock file. */
export interface LockHolder {
  /** Its process. */
  readonly pid: number;
  /** Since when, ISO 8601. */
  readonly since: string;
  /** The last sync: when it began, by the clock that all processes of a boot share, in nanoseconds, and how it ended. */
  readonly sync?: { readonly began: string; readonly error: string | null } | undefined;
}

/** What is said always has this length: it is overwritten in one piece, and takes no room on a full disk. */
const BYTES = 1024;
const MAX_ERROR = 300;

/** A lock that one process holds at a time, and that says who. The kernel lets go when that process ends. */
export class LockFile {
  readonly path: string;
  readonly #fd: number;
  #holder: LockHolder;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
    this.#holder = { pid: process.pid, since: new Date().toISOString() };
    this.#write();
  }

  /** Takes the lock; undefined where somebody else has it. */
  static acquire(path: string, lock: FileLock): LockFile | undefined {
    const fd = openLock(path);
    if (lock.tryExclusive(fd)) {
      const held = new LockFile(path, fd);
      if (held.isCurrent()) return held;
    }
    closeSync(fd);
    return undefined;
  }

  /** Says how the last sync went. */
  tell(sync: LockHolder['sync']): void {
    const error = sync?.error?.replace(/[^ -~]/g, '?').slice(0, MAX_ERROR) ?? null;
    this.#holder = { ...this.#holder, sync: sync && { ...sync, error } };
    this.#write();
  }

  /** Whether the file that is locked is still the one that others find. */
  isCurrent(): boolean {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    const own = fstatSync(this.#fd);
    return stat?.ino === own.ino && stat.dev === own.dev;
  }

  /** Lets go. */
  release(): void {
    closeSync(this.#fd);
  }

  #write(): void {
    try {
      writeSync(this.#fd, `${JSON.stringify(this.#holder).padEnd(BYTES - 1)}\n`, 0);
    } catch {
      // The lock holds, also where there is no room to say so.
    }
  }
}

/** Says who holds a lock that another module took. */
export function describeHolder(path: string): void {
  const fd = openLock(path);
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`, 0);
  } catch {
    // The lock holds, also where there is no room to say so.
  } finally {
    closeSync(fd);
  }
}

/** What the holder of a lock says of itself; undefined where nobody holds it, or nobody knows who. */
export function readHolder(path: string): LockHolder | undefined {
  try {
    const { pid, since, sync } = JSON.parse(readFileSync(path, 'utf8')) as Partial<LockHolder>;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || typeof since !== 'string') {
      return undefined;
    }
    return { pid, since, sync };
  } catch {
    return undefined;
  }
}

/** Whether somebody holds a lock. */
export function isHeld(path: string, lock: FileLock): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    return !lock.tryExclusive(fd);
  } finally {
    closeSync(fd);
  }
}

function openLock(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return openSync(path, flags, 0o640);
}
