import { MetricsError } from '../errors.js';
import type { Catalog } from './catalog.js';
import { COMPRESSED, ENTRY } from './entry.js';
import type { ArchiveEvent } from './events.js';
import { removeFile } from './io.js';
import type { ArchivedSegment, ArchiverOptions, Settings } from './options.js';
import type { RamFile } from './ram.js';
import { type Expired, expiredSegments } from './retention.js';
import { sourceKey } from './source.js';
import { messageOf } from './trouble.js';
import { within } from './within.js';

const HOOK_RETRY_MS = 60_000;
const MAX_HOOK_RETRY_MS = 3_600_000;

/** Which segments of the archive are to go now. */
export function findExpired(
  catalog: Catalog,
  files: readonly RamFile[],
  { retentionDays: days, maxArchiveBytes: maxBytes }: Settings,
  now: number,
): Expired[] {
  const inRam = new Set(files.map(({ key }) => key));
  const candidates = [...catalog.compressed.values()].flatMap(({ name, compressedBytes, entry }) => {
    const { date } = name;
    if (date === undefined) return [];
    // The name is all that is known of a damaged one, and all that age is told by.
    if (entry === undefined) {
      return [{ name: name.name, date, first: '', bytes: compressedBytes, onlyByAge: true }];
    }
    // What is still in RAM would only be copied again.
    if (entry.source !== null && inRam.has(sourceKey(entry.source))) return [];
    return [{ name: name.name, date, first: entry.first ?? '', bytes: compressedBytes }];
  });
  const others = catalog.bytes() - candidates.reduce((sum, { bytes }) => sum + bytes, 0);
  return expiredSegments(candidates, others, { days, maxBytes }, now);
}

/** What is in the archive, and what of it is to go now. */
export interface Due {
  readonly catalog: Catalog;
  readonly expired: readonly Expired[];
}

/** Who is asked before a deletion, and how long that may take. */
export interface DeletionHook {
  readonly beforeDelete: ArchiverOptions['beforeDelete'];
  readonly timeoutMs: number;
}

/** Deletes segments from the archive, each when the hook agrees. */
export class Deletion {
  readonly #hook: DeletionHook;
  readonly #report: (event: ArchiveEvent) => void;
  readonly #signal: AbortSignal;
  readonly #retries = new Map<string, { at: number; delayMs: number }>();
  /** How often the hook failed. */
  errors = 0;

  constructor(hook: DeletionHook, report: (event: ArchiveEvent) => void, signal: AbortSignal) {
    this.#hook = hook;
    this.#report = report;
    this.#signal = signal;
  }

  /**
   * Deletes.
   *
   * @param look - Looks what is to go. Hooks take their time, so it is asked again for each.
   * @returns When to try again what the hook refused, as performance.now() counts; infinity where there is nothing.
   * @throws Error where something cannot be deleted, or the end came in between.
   */
  async delete(look: () => Due): Promise<number> {
    const { catalog, expired } = look();
    const names = new Set(expired.map(({ name }) => name));
    for (const name of this.#retries.keys()) if (!names.has(name)) this.#retries.delete(name);
    for (const { name, reason } of expired) {
      if (this.#hook.beforeDelete === undefined) await this.#remove(catalog, name, reason);
      else await this.#askAndRemove(look, name);
      // Then not all of it is done.
      this.#signal.throwIfAborted();
    }
    return Math.min(...[...this.#retries.values()].map(({ at }) => at));
  }

  /** Deletes a segment when the hook agrees, unless that failed a short time ago. */
  async #askAndRemove(look: () => Due, name: string): Promise<void> {
    const retry = this.#retries.get(name);
    if (retry !== undefined && performance.now() < retry.at) return;
    const before = dueSegment(look(), name);
    if (before === undefined || !(await this.#agrees(before.segment))) return;
    // Meanwhile there may be room again, or another archive in this place: what goes is what the hook has seen.
    const due = look();
    if (dueSegment(due, name)?.identity !== before.identity) return;
    await this.#remove(due.catalog, name, before.segment.reason);
  }

  async #agrees(segment: ArchivedSegment): Promise<boolean> {
    const { name } = segment;
    try {
      const { beforeDelete, timeoutMs } = this.#hook;
      await within((signal) => beforeDelete?.(segment, signal), timeoutMs, this.#signal);
      this.#retries.delete(name);
      return true;
    } catch (error) {
      if (this.#signal.aborted) return false;
      const before = this.#retries.get(name)?.delayMs ?? HOOK_RETRY_MS / 2;
      const retryMs = Math.min(MAX_HOOK_RETRY_MS, 2 * before);
      this.#retries.set(name, { at: performance.now() + retryMs, delayMs: retryMs });
      this.errors += 1;
      const message = `${name} is not deleted, because beforeDelete failed: ${messageOf(error)}`;
      const described = new MetricsError('ERR_METRICS_STORE', message, { cause: error });
      this.#report({ type: 'error', error: described, retryMs });
      return false;
    }
  }

  async #remove(catalog: Catalog, name: string, reason: 'age' | 'size'): Promise<void> {
    const path = catalog.path(`${name}${COMPRESSED}`);
    await removeFile(path);
    try {
      await removeFile(`${path}${ENTRY}`);
    } finally {
      // Only now somebody else may have the name, and an entry under it.
      catalog.compressed.delete(name);
    }
    this.#report({ type: 'deleted', name, reason });
  }
}

/** What the hook is told of a segment, and what tells that from another one of its name; undefined where it is not to go. */
function dueSegment(
  { catalog, expired }: Due,
  name: string,
): { readonly segment: ArchivedSegment; readonly identity: string } | undefined {
  const found = catalog.compressed.get(name);
  const due = expired.find((each) => each.name === name);
  if (found === undefined || due === undefined) return undefined;
  const { entry = null, compressedBytes } = found;
  const segment = { ...due, path: catalog.path(`${name}${COMPRESSED}`), entry };
  return { segment, identity: `${compressedBytes} ${entry?.sha256}` };
}
