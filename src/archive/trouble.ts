import { MetricsError } from '../errors.js';

/** After an error it is tried again after a second, then two, then four, … */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;

interface Failing {
  readonly since: number;
  readonly failures: number;
  readonly message: string;
  readonly retryAt: number;
}

/** What fails at present, task by task, and when it is tried again. */
export class Trouble {
  readonly #tasks = new Map<string, Failing>();
  /** Errors since the start. */
  count = 0;

  /** What is wrong; null where nothing is. */
  get message(): string | null {
    return [...this.#tasks.values()][0]?.message ?? null;
  }

  /** What is wrong with a task; null where nothing is. */
  messageOf(task: string): string | null {
    return this.#tasks.get(task)?.message ?? null;
  }

  /** When a task may be tried again, as performance.now() counts; undefined where it does not fail. */
  retryAt(task: string): number | undefined {
    return this.#tasks.get(task)?.retryAt;
  }

  /**
   * Notes that a task failed.
   *
   * @returns Milliseconds until the next attempt, and whether nobody was told yet: it failed in another way than the last
   * time, and no other task fails in the same.
   */
  fail(task: string, message: string, errors = 1): { retryMs: number; news: boolean } {
    this.count += errors;
    const now = performance.now();
    const before = this.#tasks.get(task);
    const news = [...this.#tasks.values()].every((failing) => failing.message !== message);
    const failures = (before?.failures ?? 0) + 1;
    const retryMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (failures - 1));
    this.#tasks.set(task, { since: before?.since ?? now, failures, message, retryAt: now + retryMs });
    return { retryMs, news };
  }

  /** Notes that a task succeeded; for how long it did not, where it did not and nothing else fails now. */
  succeed(task: string): number | undefined {
    const failing = this.#tasks.get(task);
    this.#tasks.delete(task);
    return failing && this.#tasks.size === 0 ? performance.now() - failing.since : undefined;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it vanished',
  ENOTDIR: 'it is not a directory',
  ENOSPC: 'no room is left',
  EDQUOT: 'no room is left for this user',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it is read-only',
  EIO: 'the disk fails',
};

/** An error as one line that names the archive and what is wrong with it. */
export function archiveError(archive: string, error: unknown): MetricsError {
  if (error instanceof MetricsError) return error;
  const { code = '', path } = error as NodeJS.ErrnoException;
  const reason = REASONS[code];
  const what = reason === undefined ? messageOf(error) : `${reason} (${code})`;
  const file = path !== undefined && path !== archive && reason !== undefined ? `, at ${path}` : '';
  return new MetricsError('ERR_METRICS_STORE', `archive ${archive} cannot be written: ${what}${file}`, {
    cause: error,
  });
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
