import { type ChildProcess, spawn } from 'node:child_process';
import { backoffMs, failuresInRow } from './backoff.js';
import type { CompanionEvent } from './events.js';
import { eachLine } from './lines.js';
import { companionEnvironment, type CompanionReport, reportIn } from './report.js';

/** Whether it runs, and what comes next. */
export type CompanionState = 'starting' | 'running' | 'waiting' | 'stopping' | 'stopped';

/** How a companion is. */
export interface CompanionStatus extends Pick<CompanionReport, 'ready' | 'lagMs' | 'url'> {
  readonly state: CompanionState;
  /** Null where no process runs. */
  readonly pid: number | null;
  /** When that process was started, Unix milliseconds. */
  readonly startedAt: number | null;
  /** How often it was started again. */
  readonly restarts: number;
  /** What it says is wrong now; null where nothing is. */
  readonly error: string | null;
  /** What ended it last, and when, Unix milliseconds. */
  readonly lastFailure: { readonly at: number; readonly error: string } | null;
  readonly rssBytes: number | null;
  readonly heapBytes: number | null;
}

/** What a companion is run with. */
export interface CompanionOptions {
  readonly name: string;
  /** A command of this program and its options. */
  readonly args: readonly string[];
  /** Milliseconds without a report after which it is killed. */
  readonly hangMs: number;
  readonly onEvent: (event: CompanionEvent) => void;
  /** It refuses what it was told before it ever worked: starting it again would not help. */
  readonly onRefusal: (error: string) => void;
}

/** Bad usage. */
const REFUSED = 2;
/** How long after its end the last words of a process may take: what it started may have its stderr, and live on. */
const LAST_WORDS_MS = 1000;
/**
 * New objects get 12 MiB at most in place of 48 (three semi-spaces, of 16 MiB by default): they live for a moment, and all
 * of a companion that lives on takes little more than that. With one MiB they are taken for old before they are gone, and
 * leave old pages ever emptier. Options of `up` itself come after it, so they win.
 */
const YOUNG_GENERATION = '--max-semi-space-size=4';
/**
 * What glibc's malloc is told, where nobody told it otherwise: one arena for all threads, and what is free goes back to the
 * system at once, by mallopt(3). Buffers live for a moment here, and each thread's arena keeps the holes that they leave: a fourth
 * of what the analyzer has written to. Other systems do not know these.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };
const NO_REPORT = { ready: false, lagMs: null, error: null, url: null, rssBytes: null, heapBytes: null };

/** A process that is started again when it ends or hangs, each time a little later. */
export class Companion {
  readonly #options: CompanionOptions;
  #state: CompanionState = 'stopped';
  #child: ChildProcess | undefined;
  #report: CompanionReport | undefined;
  #startedAt = 0;
  #startedMs = 0;
  #everReady = false;
  #restarts = 0;
  #failures = 0;
  #lastFailure: CompanionStatus['lastFailure'] = null;
  /** What it said last on stderr before it was ready, or as its last words. */
  #complaint: string | undefined;
  #hang: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** Starts nothing yet. */
  constructor(options: CompanionOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get status(): CompanionStatus {
    const { ready, lagMs, error, url, rssBytes, heapBytes } = this.#report ?? NO_REPORT;
    const runs = this.#child !== undefined;
    return {
      ...{ state: this.#state, ready: ready && this.#state === 'running' },
      ...{ pid: this.#child?.pid ?? null, startedAt: runs ? this.#startedAt : null },
      ...{ restarts: this.#restarts, lagMs, error, lastFailure: this.#lastFailure },
      ...{ url, rssBytes, heapBytes },
    };
  }

  /** Starts it. */
  start(): void {
    this.#state = 'starting';
    this.#report = undefined;
    this.#complaint = undefined;
    this.#startedAt = Date.now();
    this.#startedMs = performance.now();
    const { name, args } = this.#options;
    const node = [YOUNG_GENERATION, ...process.execArgv];
    const child = spawn(process.execPath, [...node, process.argv[1]!, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C in a terminal is for the supervisor, who ends them in good order.
      detached: true,
      env: { ...ALLOCATOR, ...companionEnvironment(name) },
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      let done = false;
      const end = (how: string, code: number | null): void => {
        if (done) return;
        done = true;
        child.stdout?.destroy();
        child.stderr?.destroy();
        this.#onEnd(how, code);
        resolve();
      };
      child.once('error', (error) => {
        if (child.pid === undefined) end(error.message, null);
      });
      child.once('exit', (code, signal) => {
        const how = `ended with ${signal ?? `status ${code}`}`;
        const silence = setTimeout(() => end(how, code), LAST_WORDS_MS);
        child.once('close', () => {
          clearTimeout(silence);
          end(how, code);
        });
      });
    });
    child.on('message', (message) => this.#onMessage(message));
    this.#awaitReport();
    // Where there is no descriptor left, there are no pipes either.
    if (child.pid === undefined) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      eachLine(child[stream]!, (line) => this.#onLine(stream, line));
    }
    this.#tell({ type: 'started', pid: child.pid, restarts: this.#restarts });
  }

  /** Ends it, and does not start it again. */
  async stop(): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#child === undefined) {
      this.#state = 'stopped';
      return;
    }
    this.#state = 'stopping';
    this.#child.kill('SIGTERM');
    await this.#ended;
  }

  /** Ends it at once. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Hands a signal on, where it can take one. */
  signal(signal: NodeJS.Signals): void {
    if (this.#report !== undefined) this.#child?.kill(signal);
  }

  #onMessage(message: unknown): void {
    const report = reportIn(message);
    if (report === undefined) return;
    this.#report = report;
    this.#awaitReport();
    if (this.#state === 'starting') this.#state = 'running';
    if (this.#state !== 'running' || !report.ready || this.#complaint === '') return;
    // From here on what it says is news, not the reason why it did not start.
    if (this.#complaint !== undefined) this.#said('stderr', this.#complaint);
    this.#complaint = '';
    this.#everReady = true;
    this.#tell({ type: 'ready', url: report.url });
  }

  #onLine(stream: 'stdout' | 'stderr', line: string): void {
    const isComplaint = stream === 'stderr' && line.startsWith('cfn-metrics: ');
    if (!isComplaint || this.#complaint === '') {
      this.#said(stream, line);
      return;
    }
    if (this.#complaint !== undefined) this.#said('stderr', this.#complaint);
    this.#complaint = line;
  }

  #onEnd(how: string, code: number | null): void {
    const complaint = this.#complaint?.replace(/^cfn-metrics: /, '');
    const error = complaint === undefined || complaint === '' ? how : complaint;
    this.#child = undefined;
    this.#report = undefined;
    clearTimeout(this.#hang);
    if (this.#state === 'stopping') {
      this.#state = 'stopped';
      this.#tell({ type: 'stopped', error: code === 0 ? null : error });
      return;
    }
    this.#lastFailure = { at: Date.now(), error };
    if (code === REFUSED && !this.#everReady) {
      this.#state = 'stopped';
      this.#options.onRefusal(error);
      return;
    }
    this.#state = 'waiting';
    this.#failures = failuresInRow(this.#failures, performance.now() - this.#startedMs);
    this.#restarts += 1;
    const retryMs = backoffMs(this.#failures);
    this.#retry = setTimeout(() => this.start(), retryMs);
    this.#tell({ type: 'failed', error, retryMs, restarts: this.#restarts });
  }

  /** Whoever says nothing for so long does not end by itself either. */
  #awaitReport(): void {
    clearTimeout(this.#hang);
    this.#hang = setTimeout(() => {
      this.#complaint = `said nothing for ${this.#options.hangMs / 1000} s`;
      this.kill();
    }, this.#options.hangMs);
  }

  #said(stream: 'stdout' | 'stderr', message: string): void {
    this.#tell({ type: 'said', stream, message });
  }

  #tell(event: CompanionEvent): void {
    this.#options.onEvent(event);
  }
}
