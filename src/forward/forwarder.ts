import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MetricsError } from '../errors.js';
import { integerOption } from '../options.js';
import { StateLock } from '../store/state-lock.js';
import { DeadLetters } from './dead-letters.js';
import { Delivery, type DeliverySignals, type Outbox } from './delivery.js';
import type { ForwarderStats, ForwardNews } from './events.js';
import { Intake } from './intake.js';
import { type ForwarderOptions, forwarderSettings, type ForwarderSettings } from './options.js';
import type { Point } from './point.js';
import { FORWARDER_AGENT, SelfMetrics } from './self-metrics.js';
import type { Telling } from './teller.js';

/** How often it looks what was deleted, and stores metrics of its own, whatever else it does. */
const UPKEEP_MS = 5000;
/** Where nothing is told, the position is saved this often. */
const SAVE_MS = 30_000;
/** A state that cannot be saved is tried again after this. */
const RETRY_SAVE_MS = 1000;
const FLUSH_MS = 10_000;

/**
 * What one attempt with one point came to, told by {@link Forwarder.check}.
 *
 * @public
 */
export interface CheckResult {
  /** Whether the backend accepted it. */
  readonly ok: boolean;
  /** What came back, for people. */
  readonly message: string;
}

/**
 * When {@link Forwarder.run} and {@link Forwarder.once} end; every field is optional.
 *
 * @public
 */
export interface ForwardLimits {
  /** Ends it; what is stored is told before. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the end may take after the signal, in milliseconds. What was not accepted by then is told by the next run.
   *
   * @defaultValue 10,000
   */
  readonly flushMs?: number | undefined;
}

/**
 * Forwards what agents store to one backend: everything, once, in its order, however long the backend is away. Made by
 * {@link createForwarder}.
 *
 * @remarks
 * Before anything is sent, one file holds where the shards were read to, what all of it adds up to, and the points that are
 * sent. So a kill at any moment repeats at most the request that was under way, with the same points, times and
 * values; and while the backend is away nothing is read, nothing is lost, and no memory is taken.
 *
 * @public
 */
export class Forwarder {
  readonly #settings: ForwarderSettings;
  readonly #listener: ForwarderOptions['onEvent'];
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  #lock: StateLock | undefined;
  #self: SelfMetrics | undefined;
  #upkeep: NodeJS.Timeout | undefined;
  #outbox: Outbox = { id: '', points: [], done: 0 };
  /** What of the outbox is in no file yet. */
  #unsaved: Telling | undefined;
  #acceptedUntil: number | null = null;
  #vanished = 0;
  #toldMissed = 0;
  #savedAt = performance.now();
  #working: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(options: ForwarderOptions) {
    this.#settings = forwarderSettings(options);
    this.#listener = options.onEvent;
    const { state, name, maxDeadLetterBytes } = this.#settings;
    const file = (ending: string): string => join(state, `${name}${ending}`);
    this.#intake = new Intake(this.#settings, file('.state'));
    this.#delivery = new Delivery({
      settings: this.#settings,
      resourceOf: (agent) => this.#intake.resourceOf(agent),
      deadLetters: new DeadLetters(file('.dead-letters.jsonl'), maxDeadLetterBytes),
      progressFile: file('.sent'),
      report: (event) => this.#report(event),
    });
  }

  /** What it did so far. */
  get stats(): ForwarderStats {
    const { records, torn, missed } = this.#intake.counts;
    const { refused, size, overflowed } = this.#intake.state;
    const until = this.#acceptedUntil;
    return {
      ...this.#delivery.counts,
      ...{ records, torn, refused, series: size, overflowed },
      lostFiles: this.#vanished + missed.files,
      lostBytes: missed.bytes,
      waiting: this.#outbox.points.length - this.#outbox.done,
      lagMs: until === null ? null : Math.max(0, this.#settings.now() - until),
    };
  }

  /**
   * Forwards until the signal, and then what is stored by then.
   *
   * @returns A promise of whether everything was accepted or refused in the end; what was not is told by the next run.
   * It rejects where it cannot begin.
   * @throws MetricsError `ERR_METRICS_DIRECTORY` where a named directory of shards is missing, `ERR_METRICS_STORE` where
   * another process forwards with this state.
   */
  run(limits: ForwardLimits = {}): Promise<boolean> {
    return this.#work(limits, (signals) => this.#follow(signals));
  }

  /**
   * Forwards all that is stored now, the interval that is open included.
   *
   * @param limits - Without a signal it takes as long as the backend is away.
   * @returns As {@link Forwarder.run}.
   */
  once(limits: ForwardLimits = {}): Promise<boolean> {
    return this.#work(limits, (signals) => this.#flush(signals));
  }

  /**
   * Sends one gauge, `cfn.forward.check`, at once and by itself; nothing else is touched.
   *
   * @returns A promise of what came back; it never rejects.
   */
  async check(): Promise<CheckResult> {
    const point: Point = {
      ...{ time: this.#settings.now(), agent: FORWARDER_AGENT, metric: 'cfn.forward.check' },
      ...{ value: 1, type: 'gauge', attributes: {} },
    };
    try {
      const outcomes = await this.#delivery.check(point, new AbortController().signal);
      if (outcomes.length === 0) return { ok: false, message: 'the backend has no form for a gauge' };
      const failed = outcomes.find(({ kind }) => kind !== 'accepted');
      if (failed === undefined) return { ok: true, message: 'accepted' };
      return { ok: false, message: (failed as { reason: string }).reason };
    } catch (error) {
      return { ok: false, message: (error as Error).message };
    }
  }

  /**
   * Ends what is under way, without telling what is stored, and closes all files.
   *
   * @returns The same promise each time.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#working.catch(() => undefined);
    clearInterval(this.#upkeep);
    this.#intake.close();
    await this.#self?.close();
    this.#lock?.release();
  }

  async #work(limits: ForwardLimits, task: (signals: DeliverySignals) => Promise<boolean>): Promise<boolean> {
    const flushMs = integerOption('flushMs', limits.flushMs, FLUSH_MS, { min: 0, max: 2 ** 31 - 1 });
    if (this.#closed !== undefined) throw new MetricsError('ERR_METRICS_CLOSED', 'the forwarder is closed');
    const before = this.#working.catch(() => undefined);
    const working = before.then(async () => {
      this.#open();
      const hurry = new AbortController();
      const over = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        hurry.abort();
        timer = setTimeout(() => over.abort(), flushMs);
      };
      limits.signal?.addEventListener('abort', end, { once: true });
      if (limits.signal?.aborted === true) end();
      try {
        return await task({ hurry: hurry.signal, over: over.signal });
      } finally {
        clearTimeout(timer);
        limits.signal?.removeEventListener('abort', end);
      }
    });
    this.#working = working;
    return working;
  }

  #open(): void {
    if (this.#lock !== undefined) return;
    const { state, name, directory, metrics } = this.#settings;
    const lock = StateLock.acquire(state, `${name}.lock`);
    try {
      const { outbox, points, problem, vanished } = this.#intake.open();
      if (problem !== undefined) this.#report({ type: 'error', message: problem });
      this.#outbox = { id: outbox, points, done: this.#delivery.loadProgress(outbox) };
      this.#acceptedUntil = points.length === 0 ? this.#intake.toldAt : null;
      this.#vanished = vanished;
      if (vanished > 0) {
        const reason = 'deleted while nobody forwarded, or by a restart of the machine';
        this.#report({ type: 'lost', files: vanished, bytes: 0, reason });
      }
      if (metrics) this.#self = new SelfMetrics(directory, name);
      this.#upkeep = setInterval(() => this.#maintain(), UPKEEP_MS).unref();
      this.#lock = lock;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Forwards until it is in a hurry, and then what is there. */
  async #follow(signals: DeliverySignals): Promise<boolean> {
    const { graceMs, now, pollMs } = this.#settings;
    if (!(await this.#deliver(signals))) return false;
    while (!signals.hurry.aborted) {
      const began = now();
      const look = await this.#advance(began - graceMs, signals);
      if (look === 'over') return false;
      if (look === 'more') continue;
      const { openEnd } = this.#intake;
      const due = openEnd === null ? Infinity : openEnd + graceMs - now();
      await pause(Math.max(10, Math.min(pollMs, due)), signals.hurry);
    }
    return this.#flush(signals);
  }

  /** Tells everything there is, and ends the interval that is open. */
  async #flush(signals: DeliverySignals): Promise<boolean> {
    if (!(await this.#deliver(signals))) return false;
    let end = this.#settings.now();
    for (;;) {
      const look = await this.#advance(end, signals);
      if (look === 'over') return false;
      if (look === 'more') continue;
      const { cut } = await this.#intake.take(end + 1);
      if (cut) {
        if (!(await this.#tell(this.#intake.tellRaw(), signals))) return false;
        continue;
      }
      const { resolutionMs = 1 } = this.#settings.backend;
      const next = nextAfter(this.#intake.toldAt ?? -Infinity, resolutionMs);
      // What was told of a time cannot be told of it again, and a clock that was set back is not waited for.
      if (next - end > resolutionMs) return true;
      if (end < next) {
        // told now it would take the place of what was told before
        await pause(next - end, signals.over);
        end = next;
        continue;
      }
      this.#intake.openUntil(this.#intervalEnd(end));
      return this.#tell(this.#intake.tell(end), signals, end);
    }
  }

  /**
   * Reads on, and ends the open interval where its time has come.
   *
   * @param settled - Before this time all that will be stored is stored.
   * @returns Whether there may be more to do at once.
   */
  async #advance(settled: number, signals: DeliverySignals): Promise<'more' | 'waiting' | 'over'> {
    const intake = this.#intake;
    const began = this.#settings.now();
    if (intake.openEnd === null) {
      // nothing is taken yet: it only shows where the oldest record is
      const { earliest } = await intake.take(-Infinity);
      intake.openUntil(this.#intervalEnd(Math.min(earliest, began)));
    }
    const end = intake.openEnd!;
    const { earliest, cut } = await intake.take(end);
    this.#tellMissed();
    if (cut) return (await this.#tell(intake.tellRaw(), signals)) ? 'more' : 'over';
    if (end > settled) {
      this.#saveIfDue();
      return 'waiting';
    }
    const telling = intake.tell(end);
    intake.openUntil(Math.max(this.#intervalEnd(Math.min(earliest, began)), this.#intervalEnd(end)));
    return (await this.#tell(telling, signals, end)) ? 'more' : 'over';
  }

  /** The first end of an interval behind a time. */
  #intervalEnd(time: number): number {
    const { intervalMs } = this.#settings;
    return nextAfter(time, intervalMs);
  }

  /** Saves what is told, and tells it. */
  async #tell(telling: Telling, signals: DeliverySignals, until?: number): Promise<boolean> {
    const points = [...telling.loose, ...telling.kept.values()];
    if (points.length === 0) {
      this.#acceptedUntil = until ?? this.#acceptedUntil;
      this.#saveIfDue();
      return true;
    }
    this.#outbox = { id: randomBytes(6).toString('hex'), points, done: 0 };
    this.#unsaved = telling;
    return this.#deliver(signals);
  }

  async #deliver(signals: DeliverySignals): Promise<boolean> {
    while (this.#unsaved !== undefined) {
      if (this.#save(this.#outbox.id, this.#unsaved)) this.#unsaved = undefined;
      else if (signals.over.aborted) return false;
      else await pause(RETRY_SAVE_MS, signals.over);
    }
    const { counts } = this.#delivery;
    const { points, requests, bytes } = counts;
    if (!(await this.#delivery.deliver(this.#outbox, signals))) return false;
    const until = this.#intake.toldAt;
    this.#acceptedUntil = until;
    this.#outbox = { id: this.#outbox.id, points: [], done: 0 };
    if (counts.requests > requests && until !== null) {
      this.#report({
        type: 'forwarded',
        points: counts.points - points,
        requests: counts.requests - requests,
        bytes: counts.bytes - bytes,
        until,
      });
    }
    return true;
  }

  /** Nothing waits now, so that a position can be saved without points. */
  #saveIfDue(): void {
    if (!this.#intake.isDirty || performance.now() - this.#savedAt < SAVE_MS) return;
    this.#save('', { loose: [], kept: new Map() });
  }

  #save(id: string, telling: Telling): boolean {
    this.#savedAt = performance.now();
    try {
      this.#intake.save(id, telling);
      return true;
    } catch (error) {
      this.#report({ type: 'error', message: `the state cannot be saved: ${(error as Error).message}` });
      return false;
    }
  }

  #maintain(): void {
    this.#self?.tell(this.stats);
    // Only while nothing is read; a reader sees it itself.
    if (this.stats.waiting > 0) this.#intake.look();
    this.#tellMissed();
  }

  #tellMissed(): void {
    const { files, bytes } = this.#intake.counts.missed;
    if (files === this.#toldMissed) return;
    this.#report({
      type: 'lost',
      files: files - this.#toldMissed,
      bytes,
      reason: 'deleted before they were read',
    });
    this.#toldMissed = files;
  }

  #report(event: ForwardNews): void {
    try {
      this.#listener?.({ ...event, backend: this.#settings.name });
    } catch {
      // A listener that throws must not end the forwarding.
    }
  }
}

/** The first multiple behind a time. */
function nextAfter(time: number, ms: number): number {
  return (Math.floor(time / ms) + 1) * ms;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

/**
 * Makes a forwarder. No file is touched before it runs.
 *
 * @example
 * ```ts
 * const forwarder = createForwarder({
 *   backend: createRemoteWriteBackend({ url: 'http://127.0.0.1:8428/api/v1/write' }),
 *   state: '/var/lib/cfn-metrics/forward',
 * });
 * const stop = new AbortController();
 * process.once('SIGTERM', () => stop.abort());
 * await forwarder.run({ signal: stop.signal });
 * await forwarder.close();
 * ```
 *
 * @param options - Where to, and how.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad.
 *
 * @public
 */
export function createForwarder(options: ForwarderOptions): Forwarder {
  return new Forwarder(options);
}
