import { statfsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { type ShardDirectory, shardDirectory } from '../store/directory.js';
import { bootId } from '../store/position.js';
import type { Sealer } from '../store/seal.js';
import type { UnreadableFile } from '../store/segments.js';
import { Catalog } from './catalog.js';
import { ArchiveChangedError } from './changed.js';
import { Deletion, findExpired } from './deletion.js';
import type { ArchiveEvent } from './events.js';
import { growSegment } from './finish.js';
import { HotFiles } from './hot-files.js';
import { type ArchiverOptions, readOptions, type Settings } from './options.js';
import { closeRam, firstTime, openRam, type RamFile } from './ram.js';
import { isDue } from './rotation.js';
import { SelfMetrics } from './self-metrics.js';
import { Session } from './session.js';
import type { ArchiverStatus } from './status.js';
import { syncCopies } from './sync.js';
import { archiveError, Trouble } from './trouble.js';
import { Upkeep } from './upkeep.js';

/**
 * What would be deleted now.
 *
 * @public
 */
export interface DeletionPlan {
  /** Segments that would be deleted from the archive. */
  readonly archive: readonly { readonly name: string; readonly reason: 'age' | 'size' }[];
  /** Segments that would leave RAM, of those that are archived. */
  readonly hot: readonly { readonly name: string; readonly reason: 'age' | 'size' }[];
}

/**
 * Makes records durable, small and retained, and keeps RAM bounded. Made by {@link createArchiver}.
 *
 * @remarks
 * It remembers nothing that is not in the files themselves: whatever kills it, at whatever moment, the next one goes on
 * there, and every record is in the archive exactly once. Writers never wait for it.
 *
 * @public
 */
export class Archiver {
  readonly #settings: Settings;
  readonly #directory: ShardDirectory;
  readonly #onEvent: ArchiverOptions['onEvent'];
  readonly #signals: boolean;
  readonly #now: () => number;
  readonly #boot = bootId();
  readonly #session: Session;
  readonly #hot: HotFiles;
  readonly #deletion: Deletion;
  readonly #upkeep: Upkeep;
  readonly #metrics: SelfMetrics | undefined;
  readonly #trouble = new Trouble();
  readonly #stop = new AbortController();
  /** Files that are being compressed, by key. */
  readonly #busy = new Set<string>();
  readonly #firstTimes = new Map<string, number>();
  #syncing: Promise<boolean> | undefined;
  #maintenance: Promise<boolean> | undefined;
  #syncedAt: number | undefined;
  #syncedBytes = 0;
  #tickedAt = performance.now();
  #wake = new AbortController();
  #requested: 'sync' | 'rotation' | undefined;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(options: ArchiverOptions) {
    this.#settings = readOptions(options);
    this.#directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.#onEvent = options.onEvent;
    this.#signals = options.signals ?? false;
    this.#now = options.now ?? Date.now;
    this.#session = new Session(this.#directory, this.#settings.archive);
    this.#hot = new HotFiles(this.#settings, this.#now);
    const report = (event: ArchiveEvent): void => this.#report(event);
    this.#deletion = new Deletion(options.beforeDelete, report, this.#stop.signal);
    this.#upkeep = new Upkeep({
      ...{
        directory: this.#directory.path,
        settings: this.#settings,
        now: this.#now,
        signal: this.#stop.signal,
      },
      ...{ hot: this.#hot, deletion: this.#deletion, busy: this.#busy, report },
      withFiles: (work, unreadable) => this.#withFiles(work, unreadable),
      syncEnds: () => this.#syncEnds(),
      seal: (shard) => this.#seal([shard]),
    });
    const { path, explicit } = this.#directory;
    if (options.metrics !== false) this.#metrics = new SelfMetrics(explicit ? path : undefined);
  }

  /** How it is. */
  get status(): ArchiverStatus {
    const now = performance.now();
    const { archive } = this.#settings;
    return {
      directory: this.#directory.path,
      archive,
      error: this.#trouble.message,
      lagSeconds: this.#syncedAt === undefined ? null : (now - this.#syncedAt) / 1000,
      idleMs: now - this.#tickedAt,
      syncedBytes: this.#syncedBytes,
      errors: this.#trouble.count + this.#deletion.errors,
      archiveBytes: this.#session.known?.bytes() ?? null,
      freeBytes: freeBytes(archive),
      hotBytes: this.#hot.bytes,
    };
  }

  /**
   * Becomes the archiver of both directories, and creates the archive where it is missing. Whatever needs it does so by
   * itself; who calls it hears at once where it cannot be.
   *
   * @throws MetricsError `ERR_METRICS_DIRECTORY` where another one is, and says who; `ERR_METRICS_STORE` where the
   * archive cannot be written; `ERR_METRICS_CLOSED` after `close()`.
   */
  open(): void {
    if (this.#closed !== undefined) throw new MetricsError('ERR_METRICS_CLOSED', 'the archiver is closed');
    this.#session.open(this.#sealerOptions());
  }

  #ensureOpen(): void {
    if (this.#closed !== undefined) throw new MetricsError('ERR_METRICS_CLOSED', 'the archiver is closed');
    this.#session.ensureOpen(this.#sealerOptions());
  }

  /**
   * Copies everything that is in RAM to the disk, and waits until it is there.
   *
   * @returns Whether all of it is; what is not was told to `onEvent`.
   */
  async sync(): Promise<boolean> {
    // One that is under way may have passed what the caller means.
    await this.#syncEnds();
    this.#syncing = this.#sync().finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  /**
   * Seals shards, so that they can be compressed and leave RAM.
   *
   * @param which - `due`: those of an earlier day or hour, or of more bytes than they may have; `all`: all that are not
   * empty.
   * @returns Whether all of them are sealed; what is not was told to `onEvent`.
   */
  async rotate(which: 'due' | 'all' = 'due'): Promise<boolean> {
    return this.#attempt('rotate', async () => {
      await this.#seal(which === 'all' ? this.#sealer().shards() : this.#dueShards());
    });
  }

  /**
   * Compresses what is finished, lets it leave RAM when its time has come, and deletes from the archive what has been
   * there long enough.
   *
   * @returns Whether all of it succeeded; what did not was told to `onEvent`.
   */
  async maintain(): Promise<boolean> {
    this.#upkeep.pruneAt = 0;
    return this.#maintain();
  }

  /** What would be deleted now. Changes nothing, and may be asked while another archiver is at work. */
  plan(): DeletionPlan {
    const { archive } = this.#settings;
    let catalog: Catalog;
    try {
      catalog = this.#session.known ?? new Catalog(archive);
    } catch (error) {
      throw archiveError(archive, error);
    }
    return this.#withFiles((files) => ({
      archive: findExpired(catalog, files, this.#settings, this.#now()),
      hot: this.#hot.plan(this.#directory.path, files, catalog, this.#hot.finished(files, undefined)).release,
    }));
  }

  /**
   * Does everything that is due, once: seals, syncs, compresses, lets go, deletes. For a timer in place of
   * {@link Archiver.run}; how long a segment did not grow is then told by the time of the file.
   *
   * @param which - Which shards are sealed, as {@link Archiver.rotate}.
   * @returns Whether all of it succeeded; what did not was told to `onEvent`.
   * @throws MetricsError as {@link Archiver.open}.
   */
  async once(which: 'due' | 'all' = 'due'): Promise<boolean> {
    this.open();
    const results = [await this.rotate(which), await this.sync(), await this.maintain()];
    return results.every(Boolean);
  }

  /**
   * Does everything when it is due, until the signal; then syncs once more and closes.
   *
   * @throws MetricsError as {@link Archiver.open}. After that nothing is thrown: what fails is tried again.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#hot.watching = true;
    this.open();
    this.#session.tell({ listens: this.#signals });
    let syncAt = 0;
    const wakeUp = (): void => this.#wake.abort();
    signal.addEventListener('abort', wakeUp);
    try {
      while (!signal.aborted) {
        const startedAt = performance.now();
        if (await this.#tick(startedAt >= syncAt)) {
          syncAt = Math.min(startedAt + this.#settings.intervalMs, this.#trouble.retryAt('sync') ?? Infinity);
        }
        await this.#pause(Math.min(this.#settings.tickMs, syncAt - performance.now()), signal);
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
      await this.sync();
      await this.close();
    }
  }

  /** Makes {@link Archiver.run} sync at once. */
  requestSync(): void {
    this.#requested ??= 'sync';
    this.#wake.abort();
  }

  /** Makes {@link Archiver.run} seal all shards and sync at once. */
  requestRotation(): void {
    this.#requested = 'rotation';
    this.#wake.abort();
  }

  /** Ends what is under way, and lets another one be the archiver. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await this.#maintenance;
    await this.#syncing;
    await this.#metrics?.close();
    this.#session.close();
  }

  /** One look at what is due. */
  async #tick(timeToSync: boolean): Promise<boolean> {
    this.#tickedAt = performance.now();
    const requested = this.#requested;
    this.#requested = undefined;
    const began = `${process.hrtime.bigint()}`;
    await this.rotate(requested === 'rotation' ? 'all' : 'due');
    const sync = timeToSync || requested !== undefined;
    if (sync) await this.sync();
    if (requested === 'rotation') this.#session.tell({ rotation: began });
    // Compressing takes as long as it takes; syncs do not wait for it.
    if (performance.now() >= (this.#trouble.retryAt('maintain') ?? 0)) void this.#maintain();
    this.#metrics?.tell(() => this.status);
    return sync;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    if (this.#requested !== undefined || signal.aborted) return;
    await delay(Math.max(0, ms), undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  async #sync(): Promise<boolean> {
    const startedAt = performance.now();
    const began = `${process.hrtime.bigint()}`;
    const done = await this.#attempt('sync', async () => {
      const sealer = this.#sealer();
      const catalog = this.#session.catalog();
      const unreadable: UnreadableFile[] = [];
      const errors = await this.#withFiles(async (files) => {
        const finished = this.#hot.finished(files, sealer);
        const outcome = await syncCopies(catalog, files, { finished, unreadable, busy: this.#busy });
        this.#syncedBytes += outcome.bytes;
        const grown = await this.#grow(catalog, files);
        if (outcome.errors.length + grown.length + unreadable.length > 0)
          return [...outcome.errors, ...grown];
        const { bytes } = outcome;
        this.#report({ type: 'synced', bytes, ms: performance.now() - startedAt });
        return [];
      }, unreadable);
      throwFirst([...errors, ...unreadable.map(unreadableError)]);
      this.#syncedAt = startedAt;
    });
    this.#session.tell({ sync: { began, error: done ? null : this.#trouble.message } });
    return done;
  }

  /** Adds what late writers appended to segments that are compressed already. */
  async #grow(catalog: Catalog, files: readonly RamFile[]): Promise<unknown[]> {
    const errors: unknown[] = [];
    const segments = catalog.segments();
    for (const file of files) {
      const segment = segments.get(file.key);
      if (segment === undefined || file.stat.size <= segment.entry.bytes) continue;
      try {
        const entry = await growSegment(catalog, segment, file, this.#stop.signal);
        this.#report({ type: 'compressed', name: segment.name.name, entry });
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  async #maintain(): Promise<boolean> {
    this.#maintenance ??= this.#attempt('maintain', async () => {
      const sealer = this.#sealer();
      const catalog = this.#session.catalog();
      throwFirst(await this.#upkeep.run(catalog, sealer));
    }).finally(() => (this.#maintenance = undefined));
    return this.#maintenance;
  }

  async #syncEnds(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing;
  }

  #dueShards(): number[] {
    return this.#withFiles((files) => {
      const live = files.filter(({ date }) => date === undefined);
      const keys = new Set(live.map(({ key }) => key));
      for (const key of this.#firstTimes.keys()) if (!keys.has(key)) this.#firstTimes.delete(key);
      return live.flatMap((file) => {
        const shard = { first: this.#firstTime(file), bytes: file.stat.size };
        return isDue(shard, this.#settings, this.#now()) ? [file.shard] : [];
      });
    });
  }

  /** Time of the first record, which stays what it is; of a file without any that of its last change. */
  #firstTime({ key, fd, stat }: RamFile): number {
    const known = this.#firstTimes.get(key);
    if (known !== undefined || stat.size === 0) return known ?? stat.mtimeMs;
    const time = firstTime(fd);
    if (time !== undefined) this.#firstTimes.set(key, time);
    return time ?? stat.mtimeMs;
  }

  async #seal(shards: readonly number[]): Promise<void> {
    const sealer = this.#sealer();
    const seal = async (shard: number): Promise<void> => {
      const name = await sealer.seal(shard);
      if (name !== undefined) this.#report({ type: 'sealed', name });
    };
    const sealed = await Promise.allSettled(shards.map(seal));
    throwFirst(sealed.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])));
  }

  #sealer(): Sealer {
    return this.#session.sealer(this.#sealerOptions());
  }

  #sealerOptions(): { holdMs: number; finishMs: number } {
    const { holdMs, finishMs } = this.#settings;
    // Where nobody watches, the time of the file tells, and the sealer only whether somebody holds the lock.
    return { holdMs, finishMs: this.#hot.watching ? finishMs : 0 };
  }

  /** Opens everything in RAM for as long as somebody works on it. */
  #withFiles<T>(work: (files: RamFile[]) => T, unreadable: UnreadableFile[] = []): T {
    const files = openRam(this.#directory.path, this.#boot, unreadable);
    let result: T | undefined;
    try {
      return (result = work(files));
    } finally {
      if (result instanceof Promise) void result.finally(() => closeRam(files)).catch(() => undefined);
      else closeRam(files);
    }
  }

  /** Does a task, and tells where it fails for the first time, or in another way, and when it works again. */
  async #attempt(task: string, work: () => Promise<void>): Promise<boolean> {
    try {
      this.#ensureOpen();
      await work();
    } catch (error) {
      // What the end interrupts is no failure.
      if (this.#stop.signal.aborted) return false;
      const vanished = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (vanished || error instanceof ArchiveChangedError) this.#session.forget();
      const described = archiveError(this.#settings.archive, error);
      const { retryMs, news } = this.#trouble.fail(task, described.message);
      if (news) this.#report({ type: 'error', error: described, retryMs });
      return false;
    }
    const ms = this.#trouble.succeed(task);
    if (ms !== undefined) this.#report({ type: 'recovered', ms });
    return true;
  }

  #report(event: ArchiveEvent): void {
    try {
      this.#onEvent?.(event);
    } catch {
      // A listener that throws must not end the archiver.
    }
  }
}

/**
 * Makes an archiver. It touches nothing before it is told to.
 *
 * @param options - Where the shards and the archive are, and what is done when.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option, or a variable in its place, is bad.
 *
 * @public
 */
export function createArchiver(options: ArchiverOptions): Archiver {
  return new Archiver(options);
}

function throwFirst(errors: readonly unknown[]): void {
  if (errors.length > 0) throw errors[0];
}

function unreadableError({ file, reason }: UnreadableFile): MetricsError {
  return new MetricsError('ERR_METRICS_STORE', `${file} is not archived: ${reason}`);
}

function freeBytes(archive: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(archive);
    return bavail * bsize;
  } catch {
    return null;
  }
}
