import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { type ShardDirectory, shardDirectory } from '../store/directory.js';
import { bootId } from '../store/position.js';
import type { Sealer } from '../store/seal.js';
import type { UnreadableFile } from '../store/segments.js';
import type { ArchiveEvent } from './events.js';
import { HotFiles } from './hot-files.js';
import { type ArchiverOptions, readOptions, type Settings } from './options.js';
import { closeRam, openRam, type RamFile } from './ram.js';
import { Session } from './session.js';

/** What the parts of an archiver share. */
export class Workspace {
  readonly settings: Settings;
  readonly directory: ShardDirectory;
  readonly session: Session;
  readonly hot: HotFiles;
  readonly now: () => number;
  /** The end: whatever waits, stops waiting. */
  readonly signal: AbortSignal;
  /** Files that are being compressed, by key; a sync leaves them alone. */
  readonly busy = new Set<string>();
  readonly #boot = bootId();
  readonly #onEvent: ArchiverOptions['onEvent'];
  readonly #stop = new AbortController();

  constructor(options: ArchiverOptions) {
    this.settings = readOptions(options);
    this.directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.session = new Session(this.directory, this.settings.archive);
    this.now = options.now ?? Date.now;
    this.hot = new HotFiles(this.settings, this.now);
    this.signal = this.#stop.signal;
    this.#onEvent = options.onEvent;
  }

  /** Becomes the archiver of both directories. */
  open(): void {
    this.#throwIfClosed();
    this.session.open(this.#sealerOptions());
  }

  /** Opens, where nobody did. */
  ensureOpen(): void {
    this.#throwIfClosed();
    this.session.ensureOpen(this.#sealerOptions());
  }

  /** Says that the end has come. */
  stop(): void {
    this.#stop.abort();
  }

  #throwIfClosed(): void {
    if (this.signal.aborted) throw new MetricsError('ERR_METRICS_CLOSED', 'the archiver is closed');
  }

  /** The sealer of the shards. */
  sealer(): Sealer {
    return this.session.sealer(this.#sealerOptions());
  }

  #sealerOptions(): { holdMs: number; finishMs: number } {
    const { holdMs, finishMs } = this.settings;
    // Where nobody watches, the time of the file tells, and the sealer only whether somebody holds the lock.
    return { holdMs, finishMs: this.hot.watching ? finishMs : 0 };
  }

  /** Opens everything in RAM for as long as somebody works on it. */
  withFiles<T>(work: (files: RamFile[]) => T, unreadable: UnreadableFile[] = []): T {
    const files = openRam(this.directory.path, this.#boot, unreadable);
    let result: T | undefined;
    try {
      return (result = work(files));
    } finally {
      if (result instanceof Promise) void result.finally(() => closeRam(files)).catch(() => undefined);
      else closeRam(files);
    }
  }

  /** Tells what happened. */
  report(event: ArchiveEvent): void {
    try {
      this.#onEvent?.(event);
    } catch {
      // A listener that throws must not end the archiver.
    }
  }
}

/** Throws the first of what went wrong, where something did. */
export function throwFirst(errors: readonly unknown[]): void {
  if (errors.length > 0) throw errors[0];
}
