import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileProblem } from './directory.js';
import type { FileLock } from './lock.js';
import { listSegments, sameFile } from './segments.js';
import { liveName, type SegmentName } from './shard.js';

/** Watches sealed segments until nobody appends to them any more. */
export class SegmentGrowth {
  readonly #directory: string;
  readonly #finishMs: number;
  readonly #lock: FileLock;
  readonly #seen = new Map<string, { ino: number; size: number; since: number }>();

  /**
   * Has seen nothing yet.
   *
   * @param finishMs - Milliseconds without growth after which a segment is finished.
   */
  constructor(directory: string, finishMs: number, lock: FileLock) {
    this.#directory = directory;
    this.#finishMs = finishMs;
    this.#lock = lock;
  }

  /** Looks at the segments, and says which of them are finished. */
  finished(): string[] {
    const now = performance.now();
    const segments = listSegments(this.#directory).filter(({ date }) => date !== undefined);
    const names = new Set(segments.map(({ name }) => name));
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
    return segments.filter((segment) => this.#isFinished(segment, now)).map(({ name }) => name);
  }

  #isFinished({ name, shard }: SegmentName, now: number): boolean {
    const path = join(this.#directory, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    // A sealer that was killed in between left it its live name too.
    if (sameFile(lstatSync(join(this.#directory, liveName(shard)), { throwIfNoEntry: false }), stat))
      return false;
    const { ino, size } = stat;
    const seen = this.#seen.get(name);
    // The name of a segment that was deleted is given to another.
    if (seen?.size !== size || seen.ino !== ino) {
      this.#seen.set(name, { ino, size, since: now });
      return this.#finishMs === 0 && !this.#inUse(path, size);
    }
    return now - seen.since >= this.#finishMs && !this.#inUse(path, size);
  }

  /** Whether somebody holds the lock, as an appender that was stopped in the middle does, or appended meanwhile. */
  #inUse(path: string, size: number): boolean {
    const fd = this.#openSegment(path);
    // Gone, or planted by somebody: either way none to be archived.
    if (fd === undefined) return true;
    try {
      return !this.#lock.tryExclusive(fd) || fstatSync(fd).size !== size;
    } finally {
      closeSync(fd);
    }
  }

  #openSegment(path: string): number | undefined {
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    if (fileProblem(this.#directory, fstatSync(fd)) === undefined) return fd;
    closeSync(fd);
    return undefined;
  }
}
