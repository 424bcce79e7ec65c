import { Deletion } from './deletion.js';
import { Mending } from './mending.js';
import type { ArchiverOptions } from './options.js';
import { type DeletionPlan, planDeletion } from './plan.js';
import { Pruning } from './pruning.js';
import { Schedule } from './schedule.js';
import { Sealing } from './sealing.js';
import { SelfMetrics } from './self-metrics.js';
import { type ArchiverStatus, freeBytes } from './status.js';
import { Syncing } from './syncing.js';
import { Tasks } from './tasks.js';
import { Upkeep } from './upkeep.js';
import { throwFirst, Workspace } from './workspace.js';

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
  readonly #space: Workspace;
  readonly #sealing: Sealing;
  readonly #syncs: Syncing;
  readonly #deletion: Deletion;
  readonly #mending: Mending;
  readonly #pruning: Pruning;
  readonly #upkeep: Upkeep;
  readonly #schedule: Schedule;
  readonly #metrics: SelfMetrics | undefined;
  readonly #signals: boolean;
  readonly #tasks: Tasks;
  #syncing: Promise<boolean> | undefined;
  #maintenance: Promise<boolean> | undefined;
  #tidying: Promise<boolean> | undefined;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(options: ArchiverOptions) {
    const space = new Workspace(options);
    this.#space = space;
    this.#tasks = new Tasks(space);
    this.#signals = options.signals ?? false;
    this.#sealing = new Sealing(space);
    this.#syncs = new Syncing(space);
    const { beforeDelete } = options;
    const { beforeDeleteTimeoutMs: timeoutMs } = space.settings;
    this.#deletion = new Deletion({ beforeDelete, timeoutMs }, (event) => space.report(event), space.signal);
    this.#mending = new Mending(space);
    this.#pruning = new Pruning(space, this.#deletion);
    this.#upkeep = new Upkeep(
      space,
      this.#pruning,
      () => this.#syncEnds(),
      (shard) => this.#sealing.seal([shard]),
    );
    this.#schedule = new Schedule(space.settings, this.#tasks.trouble);
    const { path, explicit } = space.directory;
    if (options.metrics !== false) this.#metrics = new SelfMetrics(explicit ? path : undefined);
  }

  /** How it is. */
  get status(): ArchiverStatus {
    const now = performance.now();
    const { directory, session, settings, hot } = this.#space;
    const { archive } = settings;
    const { succeededAt, bytes: syncedBytes } = this.#syncs;
    return {
      directory: directory.path,
      archive,
      error: this.#tasks.trouble.message,
      lagSeconds: succeededAt === undefined ? null : (now - succeededAt) / 1000,
      idleMs: now - this.#schedule.lookedAt,
      syncedBytes,
      errors: this.#tasks.trouble.count + this.#deletion.errors,
      archiveBytes: session.known?.bytes() ?? null,
      freeBytes: freeBytes(archive),
      hotBytes: hot.bytes,
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
    this.#space.open();
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
    return this.#tasks.attempt('rotate', () => this.#sealing.run(which));
  }

  /**
   * Compresses what is finished, lets it leave RAM when its time has come, and deletes from the archive what has been
   * there long enough.
   *
   * @returns Whether all of it succeeded; what did not was told to `onEvent`.
   */
  async maintain(): Promise<boolean> {
    const kept = await this.#maintain();
    this.#pruning.request();
    const tidied = await this.#tidy(true);
    return kept && tidied;
  }

  /**
   * What would be deleted now. Changes nothing, and may be asked while another archiver is at work.
   *
   * @throws MetricsError `ERR_METRICS_DIRECTORY` where there is no archive yet, `ERR_METRICS_STORE` where it cannot be
   * read.
   */
  plan(): DeletionPlan {
    return planDeletion(this.#space);
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
    this.#space.hot.watching = true;
    this.open();
    this.#space.session.tell({ listens: this.#signals });
    try {
      await this.#schedule.run(signal, (timeToSync, requested) => this.#tick(timeToSync, requested));
    } finally {
      await this.sync();
      await this.close();
    }
  }

  /** Makes {@link Archiver.run} sync at once. */
  requestSync(): void {
    this.#schedule.request('sync');
  }

  /** Makes {@link Archiver.run} seal all shards and sync at once. */
  requestRotation(): void {
    this.#schedule.request('rotation');
  }

  /** Ends what is under way, and lets another one be the archiver. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#space.stop();
    await this.#maintenance;
    await this.#tidying;
    await this.#syncing;
    await Promise.all([
      this.#syncs.close(),
      this.#upkeep.close(),
      this.#mending.close(),
      this.#metrics?.close(),
    ]);
    this.#space.session.close();
  }

  /** Does what is due. */
  async #tick(timeToSync: boolean, requested: 'sync' | 'rotation' | undefined): Promise<void> {
    const began = `${process.hrtime.bigint()}`;
    await this.rotate(requested === 'rotation' ? 'all' : 'due');
    if (timeToSync) await this.sync();
    if (requested === 'rotation') this.#space.session.tell({ rotation: began });
    void this.#keepUp();
    this.#metrics?.tell(() => this.status);
  }

  async #sync(): Promise<boolean> {
    const began = `${process.hrtime.bigint()}`;
    const done = await this.#tasks.attempt('sync', () => this.#syncs.run());
    this.#space.session.tell({ sync: { began, error: done ? null : this.#tasks.trouble.messageOf('sync') } });
    return done;
  }

  /** Compressing takes as long as it takes, and a hook before a deletion even longer: nothing else waits for them. */
  async #keepUp(): Promise<void> {
    if (this.#tasks.mayTry('maintain')) await this.#maintain();
    void this.#tidy(false);
  }

  async #tidy(always: boolean): Promise<boolean> {
    this.#tidying ??= this.#mendAndPrune(always).finally(() => (this.#tidying = undefined));
    return this.#tidying;
  }

  /** One after the other: what is being mended must not go meanwhile. */
  async #mendAndPrune(always: boolean): Promise<boolean> {
    let done = true;
    if (always || this.#tasks.mayTry('mend'))
      done = await this.#tasks.attempt('mend', () => this.#mending.run());
    if (!this.#pruning.isDue || !(always || this.#tasks.mayTry('prune'))) return done;
    return (await this.#tasks.attempt('prune', () => this.#pruning.run())) && done;
  }

  async #maintain(): Promise<boolean> {
    this.#maintenance ??= this.#tasks
      .attempt('maintain', async () => {
        const sealer = this.#space.sealer();
        throwFirst(await this.#upkeep.run(this.#space.session.catalog(), sealer));
      })
      .finally(() => (this.#maintenance = undefined));
    return this.#maintenance;
  }

  async #syncEnds(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing;
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
