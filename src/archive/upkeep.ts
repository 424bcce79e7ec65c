import { join } from 'node:path';
import type { Sealer } from '../store/seal.js';
import type { UnreadableFile } from '../store/segments.js';
import type { Catalog, PlainCopy } from './catalog.js';
import { type Deletion, findExpired } from './deletion.js';
import type { ArchiveEvent } from './events.js';
import { compressCopy, rebuildEntry, removeCopy } from './finish.js';
import type { HotFiles } from './hot-files.js';
import { removeFile } from './io.js';
import { dateOf, renameCopy } from './names.js';
import type { Settings } from './options.js';
import type { RamFile } from './ram.js';
import { sourceKey } from './source.js';

/** How often retention is looked after where nothing else changes. */
const PRUNE_MS = 3_600_000;

/** What the archiver lends to its upkeep. */
export interface UpkeepHost {
  /** Where the shards are. */
  readonly directory: string;
  readonly settings: Settings;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly hot: HotFiles;
  readonly deletion: Deletion;
  /** Files that are being compressed, by key; a sync leaves them alone. */
  readonly busy: Set<string>;
  readonly report: (event: ArchiveEvent) => void;
  /** Opens everything in RAM for as long as somebody works on it. */
  readonly withFiles: <T>(work: (files: RamFile[]) => T, unreadable?: UnreadableFile[]) => T;
  /** Waits until no sync is under way. */
  readonly syncEnds: () => Promise<void>;
  readonly seal: (shard: number) => Promise<void>;
}

/** What becomes of segments after they were sealed: compressed, released from RAM, and deleted. */
export class Upkeep {
  readonly #host: UpkeepHost;
  /** When retention is looked after next, as performance.now() counts. */
  pruneAt = 0;

  constructor(host: UpkeepHost) {
    this.#host = host;
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
      () => this.#prune(catalog),
    ];
    for (const step of steps) {
      if (!this.#host.signal.aborted) await step().catch((error: unknown) => errors.push(error));
    }
    return errors;
  }

  /** Removes what an earlier run left behind when it died, and mends what somebody else damaged. */
  async #sweep(catalog: Catalog): Promise<void> {
    const segments = catalog.segments();
    for (const copy of [...catalog.plain.values()]) {
      const segment = copy.source && segments.get(sourceKey(copy.source));
      if (segment !== undefined && segment.entry.bytes >= copy.size) await removeCopy(catalog, copy);
    }
    for (const segment of [...catalog.compressed.values()]) {
      if (segment.entry !== undefined) continue;
      const entry = await rebuildEntry(catalog, segment, this.#host.signal);
      this.#host.report({ type: 'compressed', name: segment.name.name, entry });
    }
  }

  /** Compresses the copies of finished segments, and those whose source is gone. */
  async #compress(catalog: Catalog, sealer: Sealer): Promise<void> {
    await this.#host.syncEnds();
    for (const { copy: found, size } of this.#finishedCopies(catalog, sealer)) {
      await this.#host.syncEnds();
      // A sync that ran meanwhile may have changed it.
      const same = catalog.plain.get(found.name.name) === found && found.size === size;
      if (this.#host.signal.aborted || !same) continue;
      const key = found.source ? sourceKey(found.source) : '';
      this.#host.busy.add(key);
      try {
        const copy = await named(catalog, found, this.#host.now());
        const entry = await compressCopy(catalog, copy, this.#host.signal);
        this.#host.report({ type: 'compressed', name: copy.name.name, entry });
        this.pruneAt = 0;
      } finally {
        this.#host.busy.delete(key);
      }
    }
  }

  #finishedCopies(catalog: Catalog, sealer: Sealer): { copy: PlainCopy; size: number }[] {
    const unreadable: UnreadableFile[] = [];
    return this.#host.withFiles((files) => {
      const finished = this.#host.hot.finished(files, sealer);
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
    const { directory: path } = this.#host;
    const plan = this.#host.withFiles((files) =>
      this.#host.hot.plan(path, files, catalog, this.#host.hot.finished(files, sealer)),
    );
    for (const { name, reason } of plan.release) {
      await removeFile(join(path, name));
      this.#host.report({ type: 'released', name, reason });
    }
    if (plan.seal !== undefined) await this.#host.seal(plan.seal);
  }

  async #prune(catalog: Catalog): Promise<void> {
    if (performance.now() < this.pruneAt) return;
    this.pruneAt = performance.now() + PRUNE_MS;
    const expired = this.#host.withFiles((files) =>
      findExpired(catalog, files, this.#host.settings, this.#host.now()),
    );
    this.pruneAt = Math.min(this.pruneAt, await this.#host.deletion.delete(catalog, expired));
  }
}

/** A copy under a name that no compressed segment has. */
async function named(catalog: Catalog, copy: PlainCopy, now: number): Promise<PlainCopy> {
  if (!catalog.compressed.has(copy.name.name)) return copy;
  const name = catalog.freeName(copy.name.date ?? dateOf(now), copy.name.shard, new Set());
  return renameCopy(catalog, copy, name, copy.source);
}
