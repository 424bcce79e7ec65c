import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { shardDirectory } from '../store/directory.js';
import type { LineCounts } from '../store/lines.js';
import type { Position } from '../store/position.js';
import { requireDirectory } from '../store/reader.js';
import { Tail } from '../store/tail.js';
import { CumulativeState, type CumulativeSettings } from './cumulative.js';
import { loadSnapshot, saveSnapshot } from './producer-snapshot.js';

/** Longer than this the event loop is not held up. */
const SLICE_MS = 10;

/** What a {@link ShardFollower} is told. */
export interface FollowerSettings extends CumulativeSettings {
  readonly directory: string | undefined;
  readonly snapshotFile: string | undefined;
  readonly snapshotMs: number;
  readonly pollMs: number;
  /** Where to begin without a snapshot. */
  readonly from: 'start' | 'end';
}

/**
 * Keeps a state up to date with the shards: looks when it is asked, and at intervals so that there is never much to read.
 */
export class ShardFollower {
  readonly #settings: FollowerSettings;
  readonly #stop = new AbortController();
  #state: CumulativeState;
  #tail: Tail | undefined;
  #looking: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lookedAt: number | undefined;
  #savedAt = performance.now();
  #savedRecords = 0;
  #trouble: unknown;

  /** Looks at nothing yet. */
  constructor(settings: FollowerSettings) {
    this.#settings = settings;
    this.#state = new CumulativeState(settings);
  }

  /** What the records that were read add up to. */
  get state(): CumulativeState {
    return this.#state;
  }

  /** Lines that were read, and how many files cannot be. */
  get counts(): LineCounts & { readonly unreadable: number } {
    if (this.#tail === undefined) return { records: 0, torn: 0, foreign: 0, unreadable: 0 };
    const { unreadable, ...lines } = this.#tail.counts;
    return { ...lines, unreadable: unreadable.length };
  }

  /** How long ago the last look that was finished began; null before the first. */
  get lagMs(): number | null {
    return this.#lookedAt === undefined ? null : performance.now() - this.#lookedAt;
  }

  /** What went wrong with the last snapshot, if anything. */
  get trouble(): unknown {
    return this.#trouble;
  }

  /**
   * Reads what is in the shards now.
   *
   * @returns A promise that is done when all of it was read; all who ask while a look is under way wait for the same next one.
   * It rejects where the directory is missing.
   */
  catchUp(): Promise<void> {
    if (this.#next === undefined) {
      const next = this.#looking.catch(() => undefined).then(() => this.#begin());
      this.#next = next;
    }
    return this.#next;
  }

  /** Saves a snapshot now, if there is anything new. No look may be under way. */
  save(): void {
    const { snapshotFile } = this.#settings;
    const { records } = this.counts;
    if (snapshotFile === undefined || this.#tail === undefined) return;
    this.#savedAt = performance.now();
    if (records === this.#savedRecords && this.#trouble === undefined) return;
    try {
      saveSnapshot(snapshotFile, this.#tail.position(), this.#state, this.#subject());
      this.#savedRecords = records;
      this.#trouble = undefined;
    } catch (cause) {
      this.#trouble = snapshotTrouble(snapshotFile, 'saved', cause);
    }
  }

  /** Ends following, saves a snapshot, and closes the files. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#looking.catch(() => undefined);
    this.save();
    this.#tail?.close();
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#looking = this.#look();
    return this.#looking;
  }

  async #look(): Promise<void> {
    if (this.#stopped()) return;
    const { directory, pollMs, snapshotMs } = this.#settings;
    clearTimeout(this.#timer);
    try {
      requireDirectory(shardDirectory(directory ?? readEnvironment().directory));
      this.#tail ??= this.#open();
      const startedAt = performance.now();
      let slice = startedAt;
      for (const { records } of this.#tail.poll()) {
        this.#state.add(records, Date.now());
        if (performance.now() - slice < SLICE_MS) continue;
        await yieldToOthers();
        slice = performance.now();
      }
      if (!this.#stopped()) this.#lookedAt = startedAt;
      // only here: what was handed out last counts as read from now on
      if (performance.now() - this.#savedAt >= snapshotMs) this.save();
    } finally {
      this.#timer = setTimeout(() => void this.catchUp().catch(() => undefined), pollMs).unref();
      if (this.#stopped()) clearTimeout(this.#timer);
    }
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What a snapshot must be of to be one of this. */
  #subject(): string {
    return `${this.#settings.per} ${this.#path()}`;
  }

  #path(): string {
    return shardDirectory(this.#settings.directory ?? readEnvironment().directory).path;
  }

  #open(): Tail {
    const { directory, snapshotFile, from } = this.#settings;
    const saved = snapshotFile === undefined ? undefined : this.#load(snapshotFile);
    // what was loaded in part only is of no use
    if (saved === undefined) this.#state = new CumulativeState(this.#settings);
    else if (from === 'end') this.#markReported();
    // whoever collects next must hear of a snapshot that is not used, before a new one takes its place
    this.#savedAt = performance.now();
    return new Tail({ directory, signal: this.#stop.signal, from: saved ?? from });
  }

  #load(snapshotFile: string): Position | undefined {
    try {
      return loadSnapshot(snapshotFile, this.#state, this.#subject(), Date.now());
    } catch (cause) {
      this.#trouble = snapshotTrouble(snapshotFile, 'loaded', cause);
      return undefined;
    }
  }

  /** What a snapshot holds was given out before. */
  #markReported(): void {
    for (const { series, overflow } of this.#state.metrics()) {
      for (const each of series.values()) each.markReported();
      overflow?.markReported();
    }
  }
}

function snapshotTrouble(file: string, what: 'loaded' | 'saved', cause: unknown): MetricsError {
  const why = `the snapshot ${file} cannot be ${what}: ${(cause as Error).message}`;
  return new MetricsError('ERR_METRICS_STORE', why, { cause });
}
