import { join } from 'node:path';
import type { Sealer } from '../store/seal.js';
import type { UnreadableFile } from '../store/segments.js';
import type { Catalog, PlainCopy } from './catalog.js';
import { ArchiveChangedError } from './changed.js';
import { compressCopy, removeCopy } from './finish.js';
import { removeFile } from './io.js';
import { dateOf, renameCopy } from './names.js';
import type { Pruning } from './pruning.js';
import { sourceKey } from './source.js';
import { Thread } from './thread.js';
import { throwFirst, type Workspace } from './workspace.js';

/** What becomes of segments after they were sealed: compressed, and released from RAM. */
export class Upkeep {
  readonly #space: Workspace;
  readonly #pruning: Pick<Pruning, 'request'>;
  readonly #thread = new Thread();
  readonly #syncEnds: () => Promise<void>;
  readonly #seal: (shard: number) => Promise<void>;

  /**
   * @param pruning - Is told when there is more in the archive.
   * @param syncEnds - Waits until no sync is under way.
   * @param seal - Seals a shard.
   */
  constructor(
    space: Workspace,
    pruning: Pick<Pruning, 'request'>,
    syncEnds: () => Promise<void>,
    seal: (shard: number) => Promise<void>,
  ) {
    this.#space = space;
    this.#pruning = pruning;
    this.#syncEnds = syncEnds;
    this.#seal = seal;
  }

  /**
   * Does all that is due.
   *
   * @returns What went wrong. Where a full disk stops one step, another one may make room.
   */
  async run(catalog: Catalog, sealer: Sealer): Promise<unknown[]> {
    const errors: unknown[] = [];
    const steps = [
      () => this.#sweep(catalog),
      () => this.#compress(catalog, sealer),
      () => this.#release(catalog, sealer),
    ];
    for (const step of steps) {
      if (this.#space.signal.aborted) break;
      // What is about all comes first: after it what is known of the archive may have to be found out anew.
      await step().catch((error: unknown) => (isOfAll(error) ? errors.unshift(error) : errors.push(error)));
    }
    return errors;
  }

  /** Removes what an earlier run left behind when it died. */
  async #sweep(catalog: Catalog): Promise<void> {
    const segments = catalog.segments();
    await eachOf([...catalog.plain.values()], async (copy) => {
      const segment = copy.source && segments.get(sourceKey(copy.source));
      if (segment !== undefined && segment.entry.bytes >= copy.size) await removeCopy(catalog, copy);
    });
  }

  /** Compresses the copies of finished segments, and those whose source is gone. */
  async #compress(catalog: Catalog, sealer: Sealer): Promise<void> {
    await this.#syncEnds();
    await eachOf(this.#finishedCopies(catalog, sealer), async ({ copy: found, size }) => {
      await this.#syncEnds();
      // A sync that ran meanwhile may have changed it.
      const same = catalog.plain.get(found.name.name) === found && found.size === size;
      if (this.#space.signal.aborted || !same) return;
      const key = found.source ? sourceKey(found.source) : '';
      this.#space.busy.add(key);
      try {
        const copy = await named(catalog, found, this.#space.now());
        const entry = await compressCopy(catalog, copy, this.#thread, this.#space.signal);
        this.#space.report({ type: 'compressed', name: copy.name.name, entry });
        this.#pruning.request();
      } finally {
        this.#space.busy.delete(key);
      }
    });
  }

  #finishedCopies(catalog: Catalog, sealer: Sealer): { copy: PlainCopy; size: number }[] {
    const unreadable: UnreadableFile[] = [];
    return this.#space.withFiles((files) => {
      const finished = this.#space.hot.finished(files, sealer);
      const byKey = new Map(files.map((file) => [file.key, file]));
      const isFinished = (copy: PlainCopy): boolean => {
        if (copy.name.date === undefined || !copy.synced) return false;
        const file = copy.source && byKey.get(sourceKey(copy.source));
        if (file === undefined) return unreadable.length === 0;
        return finished.has(file.key) && file.stat.size === copy.size;
      };
      const copies = [...catalog.plain.values()].filter(isFinished);
      return copies.map((copy) => ({ copy, size: copy.size }));
    }, unreadable);
  }

  /** Lets segments leave RAM, and seals what is too large to stay there. */
  async #release(catalog: Catalog, sealer: Sealer): Promise<void> {
    const { path } = this.#space.directory;
    const plan = this.#space.withFiles((files) =>
      this.#space.hot.plan(path, files, catalog, this.#space.hot.finished(files, sealer)),
    );
    try {
      await eachOf(plan.release, async ({ name, reason }) => {
        await removeFile(join(path, name));
        this.#space.report({ type: 'released', name, reason });
      });
    } finally {
      // Where one cannot leave, the more need others to.
      if (plan.seal !== undefined) await this.#seal(plan.seal);
    }
  }

  /** Ends what it uses. */
  async close(): Promise<void> {
    await this.#thread.end();
  }
}

/** What the next file would fail with as well; and without a file that should be there, what is known of others is of no use. */
const OF_ALL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'ENOENT']);

/**
 * Does something with one file after the other; one that fails holds up no other.
 *
 * @throws At once an error that is about all; else the first one, when all were tried.
 */
async function eachOf<T>(files: readonly T[], work: (file: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const file of files) {
    try {
      await work(file);
    } catch (error) {
      if (isOfAll(error)) throw error;
      errors.push(error);
    }
  }
  throwFirst(errors);
}

function isOfAll(error: unknown): boolean {
  return OF_ALL.has((error as NodeJS.ErrnoException).code) || error instanceof ArchiveChangedError;
}

/** A copy under a name that no compressed segment has. */
async function named(catalog: Catalog, copy: PlainCopy, now: number): Promise<PlainCopy> {
  if (!catalog.compressed.has(copy.name.name)) return copy;
  const name = catalog.freeName(copy.name.date ?? dateOf(now), copy.name.shard, new Set());
  return renameCopy(catalog, copy, name, copy.source);
}
