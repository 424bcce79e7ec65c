import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';

/**
 * flock(2) on an open file, never blocking.
 *
 * @remarks
 * The lock belongs to the open file description: threads and processes that opened the file themselves exclude each
 * other, and the kernel lets go when the holder ends, however it ends.
 */
export interface FileLock {
  /** `flock` where the native module is there, `command` where flock(1) does it, `none` where nothing is ever locked. */
  readonly kind: 'flock' | 'command' | 'none';
  /** Why there is no lock. */
  readonly reason?: string;
  /** Takes the lock that any number of appenders hold together; false where somebody holds it exclusively. */
  readonly tryShared: (fd: number) => boolean;
  /** Takes the lock for one alone; false where anybody holds it. */
  readonly tryExclusive: (fd: number) => boolean;
  /** Lets go. */
  readonly unlock: (fd: number) => void;
}

// The values of <sys/file.h>, the same on Linux and macOS.
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

interface FsExt {
  flockSync(fd: number, flags: number): void;
}

/**
 * Loads fs-ext, the native module for flock(2), where it was built for this Node.
 *
 * @remarks
 * It is optional: npm 12 installs it without building it, a build for one Node major does not load in another, and in
 * worker threads it is left alone.
 * Appending is as safe against mixed lines without it; see `docs/guarantees.md`.
 */
export function loadLock(): FileLock {
  // It keeps handles of V8 in static variables: loaded in a second thread, it crashes the process sooner or later.
  if (!isMainThread) return noLock('fs-ext cannot be used in worker threads');
  let ext: FsExt;
  try {
    ext = createRequire(import.meta.url)('fs-ext') as FsExt;
  } catch (error) {
    return noLock((error as Error).message);
  }
  const attempt = (fd: number, flags: number): boolean => {
    try {
      ext.flockSync(fd, flags);
      return true;
    } catch {
      // EAGAIN: somebody else has it. Anything else (ENOLCK, ENOSYS) is no lock either.
      return false;
    }
  };
  return {
    kind: 'flock',
    tryShared: (fd) => attempt(fd, LOCK_SH | LOCK_NB),
    tryExclusive: (fd) => attempt(fd, LOCK_EX | LOCK_NB),
    unlock: (fd) => void attempt(fd, LOCK_UN),
  };
}

function noLock(reason: string): FileLock {
  const none = (): boolean => true;
  return { kind: 'none', reason, tryShared: none, tryExclusive: none, unlock: () => undefined };
}

/** The lock for whoever cannot go without it and needs it seldom: flock(1) where the native module is missing. */
export function loadLockOrCommand(): FileLock {
  const lock = loadLock();
  return lock.kind === 'none' && run(['--version'], 'ignore') === 0 ? commandLock() : lock;
}

/**
 * The lock by way of flock(1), a process for each call.
 *
 * @remarks
 * The command locks a descriptor that it inherits, so the lock is on our own open file, and stays when the command has
 * ended.
 */
export function commandLock(): FileLock {
  return {
    kind: 'command',
    tryShared: (fd) => run(['-s', '-n', '3'], fd) === 0,
    tryExclusive: (fd) => run(['-x', '-n', '3'], fd) === 0,
    unlock: (fd) => void run(['-u', '3'], fd),
  };
}

function run(args: string[], fd: number | 'ignore'): number | null {
  return spawnSync('flock', args, { stdio: ['ignore', 'ignore', 'ignore', fd] }).status;
}
