import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readlinkSync,
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
  /** Where its process number means something: the namespace that it lives in. */
  readonly namespace: string;
  /** Whether SIGUSR1 makes it sync and SIGUSR2 seal all shards, instead of killing it. */
  readonly listens?: boolean | undefined;
  /** The last sync: when it began, in nanoseconds of the clock that all processes of a boot share, and how it ended. */
  readonly sync?: { readonly began: string; readonly error: string | null } | undefined;
  /** When the last rotation began that somebody asked for and that a sync followed. */
  readonly rotation?: string | undefined;
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
    this.#holder = describeSelf();
    this.#write();
  }

  /** Takes the lock; undefined where somebody else has it. */
  static acquire(path: string, lock: FileLock): LockFile | undefined {
    const fd = openLock(path);
    try {
      if (lock.tryExclusive(fd)) {
        const held = new LockFile(path, fd);
        if (held.isCurrent()) return held;
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return undefined;
  }

  /** Says more, or something else. */
  tell(news: Partial<LockHolder>): void {
    const { sync, ...rest } = { ...this.#holder, ...news };
    // Anything longer, or in other letters, might not fit.
    const error = sync?.error?.replace(/[^ -~]/g, '?').slice(0, MAX_ERROR) ?? null;
    this.#holder = { ...rest, sync: sync && { ...sync, error } };
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
    writeSync(fd, `${JSON.stringify(describeSelf())}\n`, 0);
  } catch {
    // The lock holds, also where there is no room to say so.
  } finally {
    closeSync(fd);
  }
}

/** What the holder of a lock says of itself; undefined where nobody holds it, or nobody knows who. */
export function readHolder(path: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<LockHolder>;
    const { pid, since, namespace = '' } = holder;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined;
    return typeof since === 'string' ? { ...holder, pid, since, namespace } : undefined;
  } catch {
    return undefined;
  }
}

/** The namespace of this process's number; empty where the system does not tell. */
export function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** Whether a process of this namespace runs, whoever's it is. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function describeSelf(): LockHolder {
  return { pid: process.pid, since: new Date().toISOString(), namespace: processNamespace() };
}

function openLock(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return openSync(path, flags, 0o640);
}
