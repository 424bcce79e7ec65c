import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { type FileLock, loadLockOrCommand } from './lock.js';

/** A lock that one process holds at a time. The kernel lets go when that process ends, however it ends. */
export class StateLock {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Takes a lock in a directory, which is made where it is missing.
   *
   * @throws MetricsError `ERR_METRICS_STORE` where somebody else has it, and says who.
   */
  static acquire(directory: string, name: string, lock: FileLock = loadLockOrCommand()): StateLock {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, name);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const fd = openSync(path, flags, 0o600);
    if (!lock.tryExclusive(fd)) {
      closeSync(fd);
      const holder = lockHolder(directory, name);
      const who = holder === undefined ? 'another process' : `process ${holder}`;
      throw new MetricsError('ERR_METRICS_STORE', `${directory} is in use by ${who}`);
    }
    try {
      ftruncateSync(fd, 0);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch {
      // The lock holds, also where there is no room to say so.
    }
    return new StateLock(fd);
  }

  /** Lets go. */
  release(): void {
    closeSync(this.#fd);
  }
}

/** The process that said last that it has the lock. */
function lockHolder(directory: string, name: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(directory, name), 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
