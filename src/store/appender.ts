import { closeSync, fstatSync, type Stats, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { openForAppend, type ShardDirectory, standing } from './directory.js';
import { Headroom } from './headroom.js';
import { type FileLock, loadLock } from './lock.js';
import { inOnePiece } from './one-piece.js';
import { liveName } from './shard.js';

/**
 * Why something was not stored: `full` the file system has no room, `refused` the directory or file is not one to
 * write into, `io` any other system error.
 */
export type Refusal = 'full' | 'refused' | 'io';

/** What an {@link Appender} can be told. */
export interface AppenderOptions {
  readonly directory: ShardDirectory;
  /** Milliseconds for which an open file counts as the live one without looking. Default 1000. */
  readonly recheckMs?: number | undefined;
  /** The lock; for tests. */
  readonly lock?: FileLock | undefined;
  /** Writes like `fs.writeSync`; for tests that make it fail. */
  readonly write?: ((fd: number, text: string) => number) | undefined;
}

interface OpenFile {
  readonly fd: number;
  readonly ino: number;
  readonly dev: number;
  readonly path: string;
  lookedAt: number;
}

const NEWLINE = 0x0a;
/** How long a file that cannot be opened is left alone, so that a broken setup costs the agent next to nothing. */
const RETRY_OPEN_MS = 1000;

/**
 * Appends whole lines to live shard files, and never waits for anybody. What is appended at once is one write(2), but
 * where the file system is nearly full: then it is one a line.
 *
 * @remarks
 * Appenders share the lock, since writes with O_APPEND do not mix; only a sealer takes it alone, on a file that it has
 * already replaced. So a refused lock means: look whether the path has a new file. Where it has not, somebody else
 * holds the lock, and the line is appended without it.
 *
 * The look also happens once a second, after the lock was taken: what was found to be live under the shared lock
 * cannot be finished before that lock is let go.
 */
export class Appender {
  readonly #directory: ShardDirectory;
  readonly #recheckMs: number;
  readonly #lock: FileLock;
  readonly #write: (fd: number, lines: string | Buffer) => number;
  readonly #headroom: Headroom;
  readonly #files = new Map<number, OpenFile>();
  /** Shards whose file could not be opened, why, and until when it is left alone. */
  readonly #unopened = new Map<number, { readonly error: unknown; readonly until: number }>();
  #unlocked = 0;
  #refusal: Refusal | undefined;
  #error: unknown;

  constructor(options: AppenderOptions) {
    this.#directory = standing(options.directory);
    this.#recheckMs = options.recheckMs ?? 1000;
    this.#lock = options.lock ?? loadLock();
    this.#write = writer(options.write);
    this.#headroom = new Headroom(this.#directory.path);
  }

  /** Where the shards are. */
  get directory(): string {
    return this.#directory.path;
  }

  /** How many appends went without the lock because a stranger held it. */
  get unlocked(): number {
    return this.#unlocked;
  }

  /** Why the last append stored less than all; undefined where it stored all. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** The error behind {@link Appender.refusal}, where there was one. */
  get error(): unknown {
    return this.#error;
  }

  /**
   * The inode of a shard's live file as this appender last saw it; 0 where it has not opened it.
   *
   * @param shard - The shard.
   */
  inode(shard: number): number {
    return this.#files.get(shard)?.ino ?? 0;
  }

  /**
   * Opens the live file of a shard, or checks that the open one still is.
   *
   * @returns Whether it can be appended to.
   */
  open(shard: number): boolean {
    try {
      const now = performance.now();
      const file = this.#files.get(shard);
      return (file === undefined ? this.#open(shard, now) : this.#look(shard, file, now)) !== undefined;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /**
   * Appends whole lines.
   *
   * @param shard - The shard.
   * @param lines - One or more lines, each with its newline; of many at once, best their bytes.
   * @returns How many bytes were stored: all of them, or fewer, and then `refusal` says why. Never throws.
   */
  append(shard: number, lines: string | Buffer): number {
    let locked: OpenFile | undefined;
    try {
      let file = this.#files.get(shard) ?? this.#open(shard, performance.now());
      let now: number;
      for (;;) {
        if (file === undefined) return 0;
        if (this.#lock.tryShared(file.fd)) locked = file;
        // Read after the lock was taken: this process may have been stopped for long before.
        now = performance.now();
        if (locked !== undefined && now - file.lookedAt <= this.#recheckMs) break;
        const held = locked;
        // Looking may close the file, and then its descriptor may be somebody else's.
        locked = undefined;
        const current = this.#look(shard, file, now);
        if (current === file) {
          locked = held;
          break;
        }
        file = current;
      }
      if (locked === undefined) this.#unlocked += 1;
      const bytes = Buffer.byteLength(lines);
      if (!this.#headroom.allows(bytes, now)) return this.#full(0);
      const stored = this.#headroom.scarce ? this.#writeLines(file.fd, lines) : this.#write(file.fd, lines);
      // Node reports a full file system as a short count.
      if (stored < bytes) return this.#full(stored);
      this.#refusal = undefined;
      return stored;
    } catch (error) {
      this.#fail(error);
      return 0;
    } finally {
      if (locked !== undefined) this.#lock.unlock(locked.fd);
    }
  }

  /** Closes the files. What is appended later opens them again. */
  close(): void {
    for (const [shard, file] of this.#files) this.#forget(shard, file);
  }

  /** Writes line by line, up to the first that is not whole: of what follows it, nothing is stored. */
  #writeLines(fd: number, lines: string | Buffer): number {
    const bytes = Buffer.from(lines);
    let done = 0;
    try {
      for (let end; done < bytes.length; done = end) {
        end = bytes.indexOf(NEWLINE, done) + 1 || bytes.length;
        const line = bytes.subarray(done, end);
        const from = fstatSync(fd).size;
        const stored = this.#write(fd, line);
        if (stored < line.length) return done + stored;
        if (!inOnePiece(fd, from, line)) return done;
      }
    } catch (error) {
      // Lines before it are stored, and must not be stored again.
      if (done === 0) throw error;
    }
    return done;
  }

  #full(stored: number): number {
    this.#refusal = 'full';
    this.#error = undefined;
    this.#headroom.expire();
    return stored;
  }

  #fail(error: unknown): void {
    if (isFull(error)) this.#full(0);
    else this.#refusal = error instanceof MetricsError ? 'refused' : 'io';
    this.#error = error;
  }

  /** Compares the path's inode with the open file's, and opens the new file where they differ. */
  #look(shard: number, file: OpenFile, now: number): OpenFile | undefined {
    const stat = this.#stat(file);
    if (stat?.ino === file.ino && stat.dev === file.dev) {
      file.lookedAt = now;
      return file;
    }
    this.#forget(shard, file);
    return this.#open(shard, now);
  }

  /** Whoever asks may hold the lock, and nobody would let go of it where this throws. */
  #stat({ fd, path }: OpenFile): Stats | undefined {
    try {
      return statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      this.#lock.unlock(fd);
      throw error;
    }
  }

  #open(shard: number, now: number): OpenFile | undefined {
    const unopened = this.#unopened.get(shard);
    if (unopened !== undefined && now < unopened.until) {
      this.#fail(unopened.error);
      return undefined;
    }
    const name = liveName(shard);
    try {
      const { fd, stat } = openForAppend(this.#directory, name);
      const path = join(this.#directory.path, name);
      const file = { fd, ino: stat.ino, dev: stat.dev, path, lookedAt: -Infinity };
      this.#files.set(shard, file);
      this.#unopened.delete(shard);
      return file;
    } catch (error) {
      this.#unopened.set(shard, { error, until: now + RETRY_OPEN_MS });
      throw error;
    }
  }

  #forget(shard: number, file: OpenFile): void {
    this.#files.delete(shard);
    this.#lock.unlock(file.fd);
    closeSync(file.fd);
  }
}

function writer(write: AppenderOptions['write']): (fd: number, lines: string | Buffer) => number {
  if (write !== undefined)
    return (fd, lines) => write(fd, typeof lines === 'string' ? lines : lines.toString());
  return (fd, lines) => (typeof lines === 'string' ? writeSync(fd, lines) : writeSync(fd, lines));
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

/** What {@link Appender.refusal} means, for people. */
export function refusalError({ refusal, error, directory }: Appender): MetricsError {
  if (error instanceof MetricsError) return error;
  const why = refusal === 'full' ? 'no room is left' : String(error);
  return new MetricsError('ERR_METRICS_STORE', `records cannot be stored in ${directory}: ${why}`, {
    cause: error,
  });
}
