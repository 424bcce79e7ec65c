import { firstTime } from '../store/first-time.js';
import type { RamFile } from './ram.js';
import { isDue } from './rotation.js';
import { throwFirst, type Workspace } from './workspace.js';

/** Seals shards when they are due. */
export class Sealing {
  readonly #space: Workspace;
  readonly #firstTimes = new Map<string, number>();

  constructor(space: Workspace) {
    this.#space = space;
  }

  /** Seals all shards that are not empty, or those that are due. */
  async run(which: 'due' | 'all'): Promise<void> {
    await this.seal(which === 'all' ? this.#space.sealer().shards() : this.#dueShards());
  }

  /** Seals some shards at once; what fails keeps no other. */
  async seal(shards: readonly number[]): Promise<void> {
    const sealer = this.#space.sealer();
    const seal = async (shard: number): Promise<void> => {
      const name = await sealer.seal(shard);
      if (name !== undefined) this.#space.report({ type: 'sealed', name });
    };
    const sealed = await Promise.allSettled(shards.map(seal));
    throwFirst(sealed.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])));
  }

  #dueShards(): number[] {
    const { settings, now } = this.#space;
    // A file with two names is among the files by one of them, which may be that of the segment.
    const begun = this.#space.sealer().begun();
    const due = this.#space.withFiles((files) => {
      const live = files.filter(({ date }) => date === undefined);
      const keys = new Set(live.map(({ key }) => key));
      for (const key of this.#firstTimes.keys()) if (!keys.has(key)) this.#firstTimes.delete(key);
      return live.flatMap((file) => {
        const shard = { first: this.#firstTime(file), bytes: file.stat.size };
        return isDue(shard, settings, now()) ? [file.shard] : [];
      });
    });
    return [...new Set([...begun, ...due])];
  }

  /** Time of the first record, which stays what it is; of a file without any that of its last change. */
  #firstTime({ key, fd, stat }: RamFile): number {
    const known = this.#firstTimes.get(key);
    if (known !== undefined || stat.size === 0) return known ?? stat.mtimeMs;
    const time = firstTime(fd);
    if (time !== undefined) this.#firstTimes.set(key, time);
    return time ?? stat.mtimeMs;
  }
}
