import { lstatSync } from 'node:fs';
import { MetricsError } from '../errors.js';
import type { Catalog, CompressedSegment } from './catalog.js';
import { ArchiveChangedError } from './changed.js';
import { COMPRESSED } from './entry.js';
import { rebuildEntry } from './finish.js';
import { Thread } from './thread.js';
import { throwFirst, type Workspace } from './workspace.js';

/** How many damaged files an error names. */
const MAX_NAMED = 10;

/** Makes manifest entries anew that were lost, and knows which segments are too damaged for that. */
export class Mending {
  readonly #space: Workspace;
  // Not the one that compresses: nothing else waits for this.
  readonly #thread = new Thread();
  /** What is wrong with a file, and which file that was, by path: it is not read again while it is the same. */
  readonly #damaged = new Map<string, { readonly file: string; readonly reason: string }>();

  constructor(space: Workspace) {
    this.#space = space;
  }

  /**
   * Mends what can be mended; what cannot keeps no other.
   *
   * @throws MetricsError `ERR_METRICS_STORE` that names what is damaged.
   */
  async run(): Promise<void> {
    const { session, settings, signal } = this.#space;
    const catalog = session.catalog();
    const errors: unknown[] = [];
    const damaged: string[] = [];
    for (const segment of [...catalog.compressed.values()]) {
      if (segment.entry !== undefined) continue;
      try {
        const reason = await this.#mend(catalog, segment);
        if (reason !== undefined) damaged.push(`${segment.name.name}${COMPRESSED} (${reason})`);
      } catch (error) {
        signal.throwIfAborted();
        errors.push(error);
      }
    }
    // What is damaged stays so until somebody comes: it must not hide what else is wrong.
    throwFirst(errors);
    if (damaged.length === 0) {
      this.#damaged.clear();
      return;
    }
    const named = damaged.slice(0, MAX_NAMED).join(', ');
    const more = damaged.length > MAX_NAMED ? ` and ${damaged.length - MAX_NAMED} more` : '';
    throw new MetricsError(
      'ERR_METRICS_STORE',
      `archive ${settings.archive} has damaged files without a manifest entry: ${named}${more}`,
    );
  }

  /** Mends one; what is wrong with it, where it is damaged. */
  async #mend(catalog: Catalog, segment: CompressedSegment): Promise<string | undefined> {
    const { name } = segment.name;
    const path = catalog.path(`${name}${COMPRESSED}`);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      // Somebody deleted it, as is right with a damaged one.
      catalog.compressed.delete(name);
      return undefined;
    }
    if (stat.size !== segment.compressedBytes) throw new ArchiveChangedError(path);
    const file = `${stat.dev}:${stat.ino}:${stat.mtimeMs}:${stat.size}`;
    const known = this.#damaged.get(path);
    if (known?.file === file) return known.reason;
    try {
      const entry = await rebuildEntry(catalog, segment, this.#thread, this.#space.signal);
      this.#space.report({ type: 'compressed', name, entry });
      return undefined;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Codes of zlib; any other one is about the disk, and says nothing of the file.
      if (code?.startsWith('Z_') !== true) throw error;
      this.#damaged.set(path, { file, reason: message });
      return message;
    }
  }

  /** Ends what it uses. */
  async close(): Promise<void> {
    await this.#thread.end();
  }
}
