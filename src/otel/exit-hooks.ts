import { isMainThread } from 'node:worker_threads';
import { drain } from './drain.js';

/** Signals that end a process in good order. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];

/** How long a signal waits for observable callbacks before the process ends as it would have. */
const SIGNAL_WAIT_MS = 2000;
/** What was observed before the process ended by itself is not observed again when it ends. */
const FRESH_MS = 1000;
/** Process 1 of a container survives a signal that it sends itself; then everything is as before. */
const SURVIVED_MS = 1000;

/** What to do at the end, and when. */
export interface ExitHookOptions {
  /** Starts to store everything; must not reject. */
  readonly flush: () => Promise<void>;
  /** Stores at once what can be stored at once, observing what is to be observed if told so; must not throw. */
  readonly flushNow: (observe: boolean) => void;
  /** Whether also after `process.exit()` and an uncaught error. */
  readonly onExit: boolean;
  /** Whether also on SIGTERM and SIGINT. */
  readonly onSignal: boolean;
}

/**
 * Flushes when the process ends, and leaves alone how it ends: exit code, signal and the listeners of others.
 *
 * @param options - How, and when.
 * @returns A function that takes the hooks back.
 */
export function flushAtExit(options: ExitHookOptions): () => void {
  const { onExit, onSignal } = options;
  const hooks = new ExitHooks(options);
  // Once: what the flush itself does empties the event loop again, which would be the next `beforeExit`.
  process.once('beforeExit', hooks.beforeExit);
  if (onExit) process.on('exit', hooks.exit);
  // Signals are delivered to the main thread only.
  if (onSignal && isMainThread) for (const signal of SIGNALS) hooks.listen(signal);
  return () => hooks.release();
}

class ExitHooks {
  readonly beforeExit = (): void => {
    void this.#options.flush().then(() => (this.#flushedAt = performance.now()));
  };
  readonly exit = (): void => this.#options.flushNow(performance.now() - this.#flushedAt > FRESH_MS);

  readonly #options: ExitHookOptions;
  readonly #listeners = new Map<Signal, () => void>();
  /** Signals that end the process as soon as everything is stored. */
  readonly #ending = new Set<Signal>();
  #flushedAt = -Infinity;
  #released = false;

  constructor(options: ExitHookOptions) {
    this.#options = options;
  }

  /** First in line. */
  listen(signal: Signal): void {
    if (this.#released || this.#listeners.has(signal)) return;
    const listener = (): void => this.#signalled(signal);
    this.#listeners.set(signal, listener);
    process.prependListener(signal, listener);
  }

  #unlisten(signal: Signal): void {
    const listener = this.#listeners.get(signal);
    if (listener !== undefined) process.removeListener(signal, listener);
    this.#listeners.delete(signal);
  }

  release(): void {
    this.#released = true;
    process.removeListener('beforeExit', this.beforeExit);
    process.removeListener('exit', this.exit);
    for (const signal of SIGNALS) this.#unlisten(signal);
  }

  #signalled(signal: Signal): void {
    if (this.#ending.has(signal)) return;
    const alone = process.listenerCount(signal) === 1;
    // By the time others are called, the signal looks as if we had never listened to it.
    if (!alone) this.#unlisten(signal);
    const flushed = this.#options.flush();
    // now, for the next listener may end the process at once
    if (this.#options.onExit) drain();
    if (!alone) {
      // They say how the process ends, if it does.
      void flushed.then(() => this.listen(signal));
      return;
    }
    // Without a listener the next one, as of a shell or supervisor that signals a whole group, would end it unstored.
    this.#ending.add(signal);
    void within(SIGNAL_WAIT_MS, flushed).then((done) => {
      if (!done) this.#options.flushNow(true);
      this.#ending.delete(signal);
      this.#unlisten(signal);
      process.kill(process.pid, signal);
      setTimeout(() => this.listen(signal), SURVIVED_MS).unref();
    });
  }
}

/** Waits for a promise that does not reject, but not for long, and says whether it was done; the process stays alive. */
async function within(ms: number, promise: Promise<void>): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const timer = setTimeout(resolve, ms, false);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
