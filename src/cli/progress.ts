import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseName } from '../store/shard.js';
import { formatBytes } from './format.js';

/** Who waits no longer than this sees nothing. */
const PATIENCE_MS = 1000;
const REFRESH_MS = 100;
const CLEAR_LINE = '\r\x1b[K';

/**
 * Tells on a terminal how far reading has come, once it takes longer than a second; elsewhere nothing.
 *
 * @remarks
 * On stderr, so that what is printed stays clean, and gone when reading ends.
 */
export class Progress {
  readonly #total: () => number | undefined;
  readonly #enabled = process.stderr.isTTY && process.env['TERM'] !== 'dumb';
  #next = performance.now() + PATIENCE_MS;
  #totalText: string | undefined;

  /**
   * Starts now.
   *
   * @param total - Finds how many bytes there are to read; undefined where nobody knows. Asked once at most.
   */
  constructor(total: () => number | undefined) {
    this.#total = total;
  }

  /**
   * Shows how far reading has come, if it is time to.
   *
   * @param bytes - Finds how many bytes were read.
   */
  show(bytes: () => number): void {
    if (!this.#enabled || performance.now() < this.#next) return;
    this.#next = performance.now() + REFRESH_MS;
    if (this.#totalText === undefined) {
      const total = this.#total();
      this.#totalText = total === undefined ? '' : ` of ${formatBytes(total)}`;
    }
    process.stderr.write(`${CLEAR_LINE}${formatBytes(bytes())}${this.#totalText} read`);
  }

  /** Removes what was shown. */
  end(): void {
    if (this.#totalText !== undefined) process.stderr.write(CLEAR_LINE);
    this.#totalText = undefined;
  }
}

/** Bytes of all shards and segments in some directories; undefined where they cannot be counted. */
export function bytesOfShards(directories: readonly string[]): number | undefined {
  let bytes = 0;
  try {
    for (const directory of directories) {
      for (const name of readdirSync(directory)) {
        if (parseName(name) !== undefined) bytes += statSync(join(directory, name)).size;
      }
    }
  } catch {
    // It may just have been sealed, or archived.
    return undefined;
  }
  return bytes;
}
