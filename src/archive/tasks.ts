import { ArchiveChangedError } from './changed.js';
import { archiveError, Trouble } from './trouble.js';
import type { Workspace } from './workspace.js';

/** Does what an archiver has to do, and tells what fails. */
export class Tasks {
  /** What fails at present. */
  readonly trouble = new Trouble();
  readonly #space: Workspace;

  constructor(space: Workspace) {
    this.#space = space;
  }

  /** Whether a task does not fail, or failed long enough ago. */
  mayTry(task: string): boolean {
    return performance.now() >= (this.trouble.retryAt(task) ?? 0);
  }

  /**
   * Does a task, and tells where it fails for the first time, or in another way, and when it works again.
   *
   * @returns Whether it succeeded.
   */
  async attempt(task: string, work: () => Promise<void>): Promise<boolean> {
    const space = this.#space;
    try {
      space.ensureOpen();
      await work();
    } catch (error) {
      // What the end interrupts is no failure.
      if (space.signal.aborted) return false;
      const vanished = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (vanished || error instanceof ArchiveChangedError) space.session.forget();
      const described = archiveError(space.settings.archive, error);
      const { retryMs, news } = this.trouble.fail(task, described.message);
      if (news) space.report({ type: 'error', error: described, retryMs });
      return false;
    }
    const ms = this.trouble.succeed(task);
    if (ms !== undefined) space.report({ type: 'recovered', ms });
    return true;
  }
}
