import { MetricsError } from '../errors.js';
import type { Catalog } from './catalog.js';
import { COMPRESSED, ENTRY, type SegmentEntry } from './entry.js';
import type { ArchiveEvent } from './events.js';
import { removeFile } from './io.js';
import type { ArchiverOptions, Settings } from './options.js';
import type { RamFile } from './ram.js';
import { type Expired, expiredSegments } from './retention.js';
import { sourceKey } from './source.js';
import { messageOf } from './trouble.js';

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
    // What is still in RAM would only be copied again.
    if (date === undefined || entry === undefined) return [];
    if (entry.source !== null && inRam.has(sourceKey(entry.source))) return [];
    return [{ name: name.name, date, first: entry.first ?? '', bytes: compressedBytes }];
  });
  const others = catalog.bytes() - candidates.reduce((sum, { bytes }) => sum + bytes, 0);
  return expiredSegments(candidates, others, { days, maxBytes }, now);
}

/** Deletes segments from the archive, each when the hook agrees. */
export class Deletion {
  readonly #beforeDelete: ArchiverOptions['beforeDelete'];
  readonly #report: (event: ArchiveEvent) => void;
  readonly #signal: AbortSignal;
  readonly #retries = new Map<string, { at: number; delayMs: number }>();
  /** How often the hook failed. */
  errors = 0;

  constructor(
    beforeDelete: ArchiverOptions['beforeDelete'],
    report: (event: ArchiveEvent) => void,
    signal: AbortSignal,
  ) {
    this.#beforeDelete = beforeDelete;
    this.#report = report;
    this.#signal = signal;
  }

  /**
   * Deletes.
   *
   * @returns When to try again what the hook refused, as performance.now() counts; infinity where there is nothing.
   */
  async delete(catalog: Catalog, expired: readonly Expired[]): Promise<number> {
    const names = new Set(expired.map(({ name }) => name));
    for (const name of this.#retries.keys()) if (!names.has(name)) this.#retries.delete(name);
    for (const { name, reason } of expired) {
      if (this.#signal.aborted) break;
      const entry = catalog.compressed.get(name)?.entry;
      if (entry === undefined || !(await this.#mayGo(catalog, name, entry, reason))) continue;
      const path = catalog.path(`${name}${COMPRESSED}`);
      await removeFile(path);
      catalog.compressed.delete(name);
      await removeFile(`${path}${ENTRY}`);
      this.#report({ type: 'deleted', name, reason });
    }
    return Math.min(...[...this.#retries.values()].map(({ at }) => at));
  }

  /** Asks the hook, unless it failed a short time ago. */
  async #mayGo(
    catalog: Catalog,
    name: string,
    entry: SegmentEntry,
    reason: 'age' | 'size',
  ): Promise<boolean> {
    if (this.#beforeDelete === undefined) return true;
    const retry = this.#retries.get(name);
    if (retry !== undefined && performance.now() < retry.at) return false;
    try {
      const path = catalog.path(`${name}${COMPRESSED}`);
      await this.#beforeDelete({ name, path, reason, entry }, this.#signal);
      this.#retries.delete(name);
      return true;
    } catch (error) {
      if (this.#signal.aborted) return false;
      const retryMs = Math.min(MAX_HOOK_RETRY_MS, 2 * (retry?.delayMs ?? HOOK_RETRY_MS / 2));
      this.#retries.set(name, { at: performance.now() + retryMs, delayMs: retryMs });
      this.errors += 1;
      const message = `${name} is not deleted, because beforeDelete failed: ${messageOf(error)}`;
      const described = new MetricsError('ERR_METRICS_STORE', message, { cause: error });
      this.#report({ type: 'error', error: described, retryMs });
      return false;
    }
  }
}
