import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { fileProblem } from './directory.js';
import type { FileLock } from './lock.js';
import { sameFile } from './segments.js';

/** Held by the one sealer of a directory. */
export const SEALER_LOCK = 'cfn-metrics.seal.lock';

/** What makes one process the sealer of a directory. */
export class SealerLock {
  readonly #directory: string;
  readonly #lock: FileLock;
  #fd: number | undefined;

  constructor(directory: string, lock: FileLock) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Whether this is the sealer. */
  get held(): boolean {
    return this.#fd !== undefined;
  }

  /** Becomes the sealer; see `Sealer.acquire`. */
  acquire(): boolean {
    if (this.held) return true;
    if (this.#lock.kind === 'none') {
      throw new MetricsError(
        'ERR_METRICS_STORE',
        'sealing needs fs-ext or flock(1), and neither is installed',
      );
    }
    const path = join(this.#directory, SEALER_LOCK);
    const fd = openSync(
      path,
      constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      0o600,
    );
    let problem: string | undefined;
    try {
      const stat = fstatSync(fd);
      problem = fileProblem(this.#directory, stat);
      // Whoever deletes the lock file makes room for a second sealer; then the file that was locked is not the path's.
      if (
        problem === undefined &&
        this.#lock.tryExclusive(fd) &&
        sameFile(statSync(path, { throwIfNoEntry: false }), stat)
      ) {
        this.#fd = fd;
        return true;
      }
    } catch (error) {
      // Kept locked, it would be in the way of the next attempt.
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    if (problem === undefined) return false;
    throw new MetricsError('ERR_METRICS_DIRECTORY', `${path} ${problem}`);
  }

  /** Lets somebody else be the sealer. */
  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
