import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MetricsError } from '../errors.js';
import { fileProblem } from './directory.js';
import { firstTime } from './first-time.js';
import { type FileLock, loadLockOrCommand } from './lock.js';
import { SealerLock } from './seal-lock.js';
import { SegmentGrowth } from './segment-growth.js';
import { listSegments, sameFile } from './segments.js';
import { liveName, sealedName } from './shard.js';

/** What a {@link Sealer} can be told; every field is optional. */
export interface SealerOptions {
  /** Milliseconds for which the old file stays locked, longer than appenders go without looking. Default 2000. */
  readonly holdMs?: number | undefined;
  /** Milliseconds without growth after which a segment is finished. Default 60,000. */
  readonly finishMs?: number | undefined;
  /** The lock; for tests. */
  readonly lock?: FileLock | undefined;
}

/** Numbers from here on are of nobody who seals: anybody can plant a name. */
const MOST_SEGMENTS = 1_000_000;
/** How often the exclusive lock is tried while appenders are at work. */
const TRY_MS = 5;

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
  readonly #lock: FileLock;
  readonly #own: SealerLock;
  readonly #growth: SegmentGrowth;

  constructor(directory: string, options: SealerOptions = {}) {
    this.#directory = directory;
    this.#holdMs = options.holdMs ?? 2000;
    this.#lock = options.lock ?? loadLockOrCommand();
    this.#own = new SealerLock(directory, this.#lock);
    this.#growth = new SegmentGrowth(directory, options.finishMs ?? 60_000, this.#lock);
  }

  /**
   * Becomes the sealer of the directory.
   *
   * @returns False where somebody else is.
   * @throws MetricsError `ERR_METRICS_STORE` where there is no way to lock, `ERR_METRICS_DIRECTORY` where the lock
   * file is not one to trust.
   */
  acquire(): boolean {
    return this.#own.acquire();
  }

  /** Lets somebody else be the sealer. */
  release(): void {
    this.#own.release();
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
    if (!this.#own.held)
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
    return this.#growth.finished();
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
        sameFile(lstatSync(join(this.#directory, segment.name), { throwIfNoEntry: false }), stat),
    )?.name;
  }

  #link(live: string, shard: number, fd: number, stat: Stats): string {
    const date = new Date(firstTime(fd) ?? stat.mtimeMs).toISOString().slice(0, 10).replaceAll('-', '');
    // Behind all there are: a number that is free again would make the newest look older than those.
    const numbers = listSegments(this.#directory).flatMap((segment) =>
      segment.shard === shard && segment.date === date && segment.sequence < MOST_SEGMENTS
        ? [segment.sequence]
        : [],
    );
    for (let sequence = Math.max(-1, ...numbers) + 1; ; sequence += 1) {
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
