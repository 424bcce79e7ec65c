import { statfsSync } from 'node:fs';

const MEBIBYTE = 1024 * 1024;
/** How long a look at the file system counts. */
const FRESH_MS = 1000;
/** With less than this the end may come between a look and a write: 16 MiB a second are not unheard of. */
const SCARCE = 16 * MEBIBYTE;
/** One writer uses no more than this part of what was free before it looks again: there are others. */
const SHARE = 1 / 64;

/**
 * Refuses appends before the file system is full.
 *
 * @remarks
 * A write that only half fits leaves a torn record behind, and Node reports it as a short count, not as an error. So
 * the last MiB, or the last 5 % of a small file system, is left alone. Looking costs over a microsecond, hence one look a second,
 * and more often the less is free.
 */
export class Headroom {
  readonly #path: string;
  #budget = 0;
  #freshUntil = 0;
  #scarce = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether so little was free at the last look that a write may meet the end of the file system. */
  get scarce(): boolean {
    return this.#scarce;
  }

  /**
   * Asks for room.
   *
   * @param bytes - How many bytes are to be appended.
   * @param now - Monotonic time in milliseconds.
   */
  allows(bytes: number, now: number): boolean {
    if (bytes > this.#budget || now >= this.#freshUntil) {
      const spare = this.#spare();
      this.#scarce = spare < SCARCE;
      if (bytes > spare) {
        this.#budget = 0;
        return false;
      }
      this.#budget = Math.max(bytes, spare * SHARE);
      this.#freshUntil = now + FRESH_MS;
    }
    this.#budget -= bytes;
    return true;
  }

  /** Forgets what it saw: the next request looks again. */
  expire(): void {
    this.#budget = 0;
  }

  #spare(): number {
    const { bavail, blocks, bsize } = statfsSync(this.#path);
    // ramfs and some container file systems say nothing about their size.
    if (blocks === 0) return Infinity;
    return bavail * bsize - Math.min(MEBIBYTE, blocks * bsize * 0.05);
  }
}
