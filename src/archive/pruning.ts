import { type Deletion, findExpired } from './deletion.js';
import type { Workspace } from './workspace.js';

/** How often retention is looked after where nothing else changes. */
const PRUNE_MS = 3_600_000;

/** When segments are deleted from the archive. */
export class Pruning {
  readonly #space: Workspace;
  readonly #deletion: Deletion;
  #at = 0;

  constructor(space: Workspace, deletion: Deletion) {
    this.#space = space;
    this.#deletion = deletion;
  }

  /** Whether retention is to be looked after now. */
  get isDue(): boolean {
    return performance.now() >= this.#at;
  }

  /** Makes it due: something changed. */
  request(): void {
    this.#at = 0;
  }

  /** Deletes what is to go. What fails stays due. */
  async run(): Promise<void> {
    this.#at = performance.now() + PRUNE_MS;
    try {
      const retryAt = await this.#deletion.delete(() => {
        const { session, settings, now } = this.#space;
        const catalog = session.catalog();
        return {
          catalog,
          expired: this.#space.withFiles((files) => findExpired(catalog, files, settings, now())),
        };
      });
      // Somebody may have made it due meanwhile.
      this.#at = Math.min(this.#at, retryAt);
    } catch (error) {
      this.#at = 0;
      throw error;
    }
  }
}
