import { MetricsError } from '../errors.js';
import type { UnreadableFile } from '../store/segments.js';
import type { Catalog } from './catalog.js';
import { growSegment } from './finish.js';
import type { RamFile } from './ram.js';
import { syncCopies } from './sync.js';
import { Thread } from './thread.js';
import { throwFirst, type Workspace } from './workspace.js';

/** Copies everything that is in RAM to the disk, one time after the other. */
export class Syncing {
  readonly #space: Workspace;
  // Not the one that compresses finished segments: a sync does not wait for that.
  readonly #thread = new Thread();
  /** Bytes copied since the start. */
  bytes = 0;
  /** When the last one that succeeded began, as performance.now() counts. */
  succeededAt: number | undefined;

  constructor(space: Workspace) {
    this.#space = space;
  }

  /** Syncs once. */
  async run(): Promise<void> {
    const startedAt = performance.now();
    const { hot, busy, session } = this.#space;
    const sealer = this.#space.sealer();
    const catalog = session.catalog();
    const unreadable: UnreadableFile[] = [];
    const errors = await this.#space.withFiles(async (files) => {
      const finished = hot.finished(files, sealer);
      const outcome = await syncCopies(catalog, files, { finished, unreadable, busy });
      const { bytes } = outcome;
      this.bytes += bytes;
      const failed = [...outcome.errors, ...(await this.#grow(catalog, files))];
      if (failed.length > 0 || unreadable.length > 0) return failed;
      this.#space.report({ type: 'synced', bytes, ms: performance.now() - startedAt });
      return [];
    }, unreadable);
    throwFirst([...errors, ...unreadable.map(unreadableError)]);
    this.succeededAt = startedAt;
  }

  /** Adds what late writers appended to segments that are compressed already. */
  async #grow(catalog: Catalog, files: readonly RamFile[]): Promise<unknown[]> {
    const errors: unknown[] = [];
    const segments = catalog.segments();
    for (const file of files) {
      const segment = segments.get(file.key);
      if (segment === undefined || file.stat.size <= segment.entry.bytes) continue;
      try {
        const entry = await growSegment(catalog, segment, file, this.#thread, this.#space.signal);
        this.#space.report({ type: 'compressed', name: segment.name.name, entry });
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  /** Ends what it uses. */
  async close(): Promise<void> {
    await this.#thread.end();
  }
}

function unreadableError({ file, reason }: UnreadableFile): MetricsError {
  return new MetricsError('ERR_METRICS_STORE', `${file} is not archived: ${reason}`);
}
