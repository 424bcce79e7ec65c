import { accessSync, constants, mkdirSync, rmSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { prepareDirectory, type ShardDirectory } from '../store/directory.js';
import { loadLockOrCommand } from '../store/lock.js';
import { Sealer, type SealerOptions } from '../store/seal.js';
import { SEALER_LOCK } from '../store/seal-lock.js';
import { Catalog } from './catalog.js';
import { describeHolder, LockFile, type LockHolder, readHolder } from './lock-file.js';
import { archiveError } from './trouble.js';

/** Name of the lock file in the archive. */
export const ARCHIVE_LOCK = 'cfn-metrics.archive.lock';

/** The right to change a shard directory and an archive, and what is known about the archive meanwhile. */
export class Session {
  readonly #directory: ShardDirectory;
  readonly #archive: string;
  readonly #lock = loadLockOrCommand();
  #sealer: { readonly sealer: Sealer; readonly stat: Stats } | undefined;
  #archiveLock: LockFile | undefined;
  #catalog: Catalog | undefined;
  #opened = false;

  constructor(directory: ShardDirectory, archive: string) {
    this.#directory = directory;
    this.#archive = archive;
  }

  /**
   * Becomes the archiver of both directories.
   *
   * @throws MetricsError `ERR_METRICS_DIRECTORY` where another one is, and says who; `ERR_METRICS_STORE` where the
   * archive cannot be used.
   */
  open(options: SealerOptions): void {
    if (!this.#opened) {
      makeArchive(this.#archive);
      this.#lockArchive();
      this.#opened = true;
    }
    this.#sealer?.sealer.release();
    this.#sealer = undefined;
    this.sealer(options);
  }

  /** Opens, where nobody did. */
  ensureOpen(options: SealerOptions): void {
    if (!this.#opened) this.open(options);
  }

  /** What is in the archive, where that is known. */
  get known(): Catalog | undefined {
    return this.#catalog;
  }

  /** What is in the archive: read anew where the directory is another one than before. */
  catalog(): Catalog {
    if (this.#archiveLock?.isCurrent() !== true) {
      this.forget();
      this.#archiveLock?.release();
      this.#archiveLock = undefined;
      // A directory that vanished may be a disk that was unmounted: it is not made a second time.
      this.#lockArchive();
    }
    if (this.#catalog !== undefined) return this.#catalog;
    try {
      const catalog = new Catalog(this.#archive);
      for (const name of catalog.leftovers) removeLeftover(catalog.path(name));
      this.#catalog = catalog;
      return catalog;
    } catch (error) {
      throw archiveError(this.#archive, error);
    }
  }

  /** Reads the archive anew the next time. */
  forget(): void {
    this.#catalog = undefined;
  }

  /** The sealer of the shards. */
  sealer(options: SealerOptions): Sealer {
    const { path } = this.#directory;
    const lockPath = join(path, SEALER_LOCK);
    if (this.#sealer !== undefined) {
      const { sealer, stat } = this.#sealer;
      const now = statSync(lockPath, { throwIfNoEntry: false });
      if (now?.ino === stat.ino && now.dev === stat.dev) return sealer;
      // The directory was emptied, or is another one.
      sealer.release();
      this.#sealer = undefined;
    }
    prepareDirectory(this.#directory);
    const sealer = new Sealer(path, { lock: this.#lock, ...options });
    if (!sealer.acquire()) throw inUse('shard directory', path, lockPath);
    try {
      describeHolder(lockPath);
      this.#sealer = { sealer, stat: statSync(lockPath) };
    } catch (error) {
      // Kept, it would be in the way of the next attempt.
      sealer.release();
      throw error;
    }
    return sealer;
  }

  /** Says in the lock file what others may want to know. */
  tell(news: Partial<LockHolder>): void {
    this.#archiveLock?.tell(news);
  }

  /** Lets another one be the archiver. */
  close(): void {
    this.#sealer?.sealer.release();
    this.#sealer = undefined;
    this.#archiveLock?.release();
    this.#archiveLock = undefined;
  }

  #lockArchive(): void {
    const path = join(this.#archive, ARCHIVE_LOCK);
    try {
      const [archive, shards] = [this.#archive, this.#directory.path].map((directory) =>
        statSync(directory, { throwIfNoEntry: false }),
      );
      if (archive !== undefined && archive.ino === shards?.ino && archive.dev === shards.dev) {
        throw new MetricsError('ERR_METRICS_OPTION', `archive ${this.#archive} is where the shards are`);
      }
      this.#archiveLock = LockFile.acquire(path, this.#lock);
    } catch (error) {
      throw archiveError(this.#archive, error);
    }
    if (this.#archiveLock === undefined) throw inUse('archive', this.#archive, path);
  }
}

function makeArchive(path: string): void {
  try {
    try {
      mkdirSync(path, { recursive: true, mode: 0o750 });
    } catch (error) {
      // Node says so of a read-only disk too; asked for one directory alone, it tells the truth.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') mkdirSync(path, { mode: 0o750 });
      else throw error;
    }
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw archiveError(path, error);
  }
}

/** Another archiver is at work; it can be told by its `lockPath` from other errors. */
export interface InUseError extends MetricsError {
  /** The lock that it holds. */
  readonly lockPath: string;
}

function inUse(what: string, directory: string, lockPath: string): InUseError {
  const holder = readHolder(lockPath);
  const who = holder === undefined ? 'another process' : `process ${holder.pid} since ${holder.since}`;
  const error = new MetricsError('ERR_METRICS_DIRECTORY', `${what} ${directory} is in use by ${who}`);
  return Object.assign(error, { lockPath });
}

/** Now, for what describes nothing today may be the name of something that is there tomorrow. One that cannot go is in the way then. */
function removeLeftover(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is found again when its name is needed, or the archive is read the next time.
  }
}
