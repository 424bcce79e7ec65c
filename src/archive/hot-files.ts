import { statfsSync } from 'node:fs';
import type { Sealer } from '../store/seal.js';
import type { Catalog } from './catalog.js';
import { type HotPlan, planHot } from './hot.js';
import type { Settings } from './options.js';
import type { RamFile } from './ram.js';

const MEBIBYTE = 1024 * 1024;

/** Knows for how long the files in RAM did not grow, and what may leave. */
export class HotFiles {
  readonly #settings: Settings;
  readonly #now: () => number;
  readonly #growth = new Map<string, { size: number; since: number }>();
  /** Whether files are watched for long; otherwise only the times of the files tell. */
  watching = false;
  /** Bytes of all files at the last look. */
  bytes = 0;

  constructor(settings: Settings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  /** Keys of the sealed segments that nobody appends to any more. */
  finished(files: readonly RamFile[], sealer: Sealer | undefined): Set<string> {
    const names = sealer && new Set(sealer.finished());
    const now = this.#now();
    const finished = files.filter(
      ({ name, date, stat }) =>
        date !== undefined &&
        (names?.has(name) ?? true) &&
        (this.watching || now - stat.mtimeMs >= this.#settings.finishMs),
    );
    return new Set(finished.map(({ key }) => key));
  }

  /** What is to leave RAM, and to be sealed so that it can. */
  plan(
    directory: string,
    files: readonly RamFile[],
    catalog: Catalog,
    finished: ReadonlySet<string>,
  ): HotPlan {
    const segments = catalog.segments();
    const now = this.#now();
    this.#watch(files);
    const hot = files.map(({ name, shard, date, key, stat }) => {
      const ageMs = now - stat.mtimeMs;
      const since = this.#growth.get(key)?.since ?? Infinity;
      return {
        ...{ name, shard, date, bytes: stat.size, ageMs },
        archived: finished.has(key) && segments.get(key)?.entry.bytes === stat.size,
        quietMs: this.watching ? performance.now() - since : ageMs,
      };
    });
    return planHot(hot, {
      retentionMs: this.#settings.hotRetentionMs,
      maxBytes: this.#settings.maxHotBytes ?? defaultHotBytes(directory),
      floorMs: this.#settings.hotFloorMs,
    });
  }

  /** Remembers since when each file has had its size. */
  #watch(files: readonly RamFile[]): void {
    this.bytes = files.reduce((total, { stat }) => total + stat.size, 0);
    const keys = new Set(files.map(({ key }) => key));
    for (const key of this.#growth.keys()) if (!keys.has(key)) this.#growth.delete(key);
    for (const { key, stat } of files) {
      if (this.#growth.get(key)?.size === stat.size) continue;
      this.#growth.set(key, { size: stat.size, since: performance.now() });
    }
  }
}

/** Half of the RAM disk, at most 512 MiB. */
function defaultHotBytes(directory: string): number {
  const { blocks, bsize } = statfsSync(directory);
  const half = (blocks * bsize) / 2;
  return half === 0 ? 512 * MEBIBYTE : Math.min(half, 512 * MEBIBYTE);
}
