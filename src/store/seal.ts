import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MetricsError } from '../errors.js';
import type { MetricRecord } from '../record.js';
import { fileProblem } from './directory.js';
import { LineDecoder } from './lines.js';
import { type FileLock, loadLockOrCommand } from './lock.js';
import { listSegments } from './segments.js';
import { liveName, sealedName, type SegmentName } from './shard.js';

/** What a {@link Sealer} can be told; every field is optional. */
export interface SealerOptions {
  /** Milliseconds for which the old file stays locked, longer than appenders go without looking. Default 2000. */
  readonly holdMs?: number | undefined;
  /** Milliseconds without growth after which a segment is finished. Default 60,000. */
  readonly finishMs?: number | undefined;
  /** The lock; for tests. */
  readonly lock?: FileLock | undefined;
}

/** Held by the one sealer of a directory. */
export const SEALER_LOCK = 'cfn-metrics.seal.lock';
/** How often the exclusive lock is tried while appenders are at work. */
const TRY_MS = 5;
/** How much of a file is searched for its first record. */
const HEAD_BYTES = 131_072;

/**
 * Replaces live files by new ones, so that what was written can be archived; one sealer a directory.
 *
 * @remarks
 * The live path exists at every moment, and every file keeps its inode: a crash between any two steps leaves a state
 * that the next run recognises. The new file comes first and the lock on the old one second: appenders share that
 * lock, and a sealer that waited for it beforehand would starve.
 */
export class Sealer {
  readonly #directory: string;
  readonly #holdMs: number;
  readonly #finishMs: number;
  readonly #lock: FileLock;
  readonly #growth = new Map<string, { ino: number; size: number; since: number }>();
  #own: number | undefined;

  constructor(directory: string, options: SealerOptions = {}) {
    this.#directory = directory;
    this.#holdMs = options.holdMs ?? 2000;
    this.#finishMs = options.finishMs ?? 60_000;
    this.#lock = options.lock ?? loadLockOrCommand();
  }

  /**
   * Becomes the sealer of the directory.
   *
   * @returns False where somebody else is.
   * @throws MetricsError `ERR_METRICS_STORE` where there is no way to lock, `ERR_METRICS_DIRECTORY` where the lock
   * file is not one to trust.
   */
  acquire(): boolean {
    if (this.#own !== undefined) return true;
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
        same(statSync(path, { throwIfNoEntry: false }), stat)
      ) {
        this.#own = fd;
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
    if (this.#own !== undefined) closeSync(this.#own);
    this.#own = undefined;
  }

  /** The shards that have a live file. */
  shards(): number[] {
    return listSegments(this.#directory).flatMap(({ shard, date }) => (date === undefined ? [shard] : []));
  }

  /** The shards whose seal was begun and not ended, because a sealer died in the middle of it. */
  begun(): number[] {
    return this.shards().filter((shard) => {
      const stat = lstatSync(join(this.#directory, liveName(shard)), { throwIfNoEntry: false });
      return stat !== undefined && this.#linked(shard, stat) !== undefined;
    });
  }

  /**
   * Seals the live file of a shard, and keeps the old one locked until every appender has found the new one.
   *
   * @returns Name of the sealed segment, or undefined where there was nothing to seal.
   * @throws MetricsError `ERR_METRICS_CLOSED` when this is not the sealer. A system error leaves a state that the next
   * call goes on from.
   */
  async seal(shard: number): Promise<string | undefined> {
    const swapped = this.swap(shard);
    if (swapped === undefined) return undefined;
    const { name, fd } = swapped;
    try {
      // A stopped appender may hold the shared lock for as long as it likes; `finished` asks again.
      for (let tries = this.#holdMs / TRY_MS; tries > 0; tries -= 1) {
        if (this.#lock.tryExclusive(fd)) {
          await delay(this.#holdMs);
          break;
        }
        await delay(TRY_MS);
      }
    } finally {
      closeSync(fd);
    }
    return name;
  }

  /**
   * The steps of a seal that are done at once: the old file gets its segment's name, the live name a new file.
   *
   * @returns Name of the segment and a descriptor of it that the caller closes.
   */
  swap(shard: number): { name: string; fd: number } | undefined {
    if (this.#own === undefined)
      throw new MetricsError('ERR_METRICS_CLOSED', 'this is not the sealer of the directory');
    const live = join(this.#directory, liveName(shard));
    const fd = this.#openLive(live);
    if (fd === undefined) return undefined;
    try {
      const stat = fstatSync(fd);
      const name =
        this.#linked(shard, stat) ?? (stat.size === 0 ? undefined : this.#link(live, shard, fd, stat));
      if (name !== undefined) {
        this.#replace(live, stat);
        return { name, fd };
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return undefined;
  }

  /**
   * Looks at the sealed segments, and says which of them are finished: nobody appends to them, and nothing was appended
   * for the finish time, as far as this object has seen.
   */
  finished(): string[] {
    const now = performance.now();
    const segments = listSegments(this.#directory).filter(({ date }) => date !== undefined);
    const names = new Set(segments.map(({ name }) => name));
    for (const name of this.#growth.keys()) if (!names.has(name)) this.#growth.delete(name);
    return segments.filter((segment) => this.#isFinished(segment, now)).map(({ name }) => name);
  }

  #isFinished({ name, shard }: SegmentName, now: number): boolean {
    const path = join(this.#directory, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    // A sealer that was killed in between left it its live name too.
    if (same(lstatSync(join(this.#directory, liveName(shard)), { throwIfNoEntry: false }), stat))
      return false;
    const { ino, size } = stat;
    const seen = this.#growth.get(name);
    // The name of a segment that was deleted is given to another.
    if (seen?.size !== size || seen.ino !== ino) {
      this.#growth.set(name, { ino, size, since: now });
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

  #openLive(path: string): number | undefined {
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const problem = fileProblem(this.#directory, fstatSync(fd));
    if (problem === undefined) return fd;
    closeSync(fd);
    throw new MetricsError('ERR_METRICS_DIRECTORY', `${path} ${problem}`);
  }

  /** The segment that an earlier run made of this very file before it died. */
  #linked(shard: number, stat: Stats): string | undefined {
    if (stat.nlink < 2) return undefined;
    return listSegments(this.#directory).find(
      (segment) =>
        segment.shard === shard &&
        segment.date !== undefined &&
        same(lstatSync(join(this.#directory, segment.name), { throwIfNoEntry: false }), stat),
    )?.name;
  }

  #link(live: string, shard: number, fd: number, stat: Stats): string {
    const date = new Date(firstTime(fd) ?? stat.mtimeMs).toISOString().slice(0, 10).replaceAll('-', '');
    for (let sequence = 0; ; sequence += 1) {
      const name = sealedName(date, shard, sequence);
      try {
        linkSync(live, join(this.#directory, name));
        return name;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** Puts a new empty file, of the same owner, group and mode, in the place of the live one. */
  #replace(live: string, old: Stats): void {
    const fresh = `${live}.new`;
    // What an earlier run left; nobody else makes this name while this is the sealer.
    rmSync(fresh, { force: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const fd = openSync(fresh, flags, 0o600);
    try {
      fchownSync(fd, old.uid, old.gid);
      fchmodSync(fd, old.mode & 0o7777);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, live);
  }
}

function same(a: Stats | undefined, b: Stats): boolean {
  return a?.ino === b.ino && a.dev === b.dev;
}

/** Time of the first record of a file. */
function firstTime(fd: number): number | undefined {
  const buffer = Buffer.allocUnsafe(HEAD_BYTES);
  const records: MetricRecord[] = [];
  new LineDecoder().decode(buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0)), false, records);
  return records[0]?.time;
}
