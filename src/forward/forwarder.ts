import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { integerOption } from '../options.js';
import { StateLock } from '../store/state-lock.js';
import { DeadLetters } from './dead-letters.js';
import { Delivery, type DeliverySignals } from './delivery.js';
import type { ForwarderStats, ForwardNews } from './events.js';
import { Intake } from './intake.js';
import { ForwardLoop } from './loop.js';
import { type ForwarderOptions, forwarderSettings, type ForwarderSettings } from './options.js';
import type { Point } from './point.js';
import { FORWARDER_AGENT, SelfMetrics } from './self-metrics.js';

/** How often it looks what was deleted, and stores metrics of its own, whatever else it does. */
const UPKEEP_MS = 5000;
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
  readonly #loop: ForwardLoop;
  #lock: StateLock | undefined;
  #self: SelfMetrics | undefined;
  #upkeep: NodeJS.Timeout | undefined;
  #vanished = 0;
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
    this.#loop = new ForwardLoop(this.#settings, this.#intake, this.#delivery, (event) =>
      this.#report(event),
    );
  }

  /** What it did so far. */
  get stats(): ForwarderStats {
    const { records, torn, missed } = this.#intake.counts;
    const { refused, size, overflowed } = this.#intake.state;
    const { clearUntil: until, waiting } = this.#loop;
    return {
      ...this.#delivery.counts,
      ...{ records, torn, refused, series: size, overflowed },
      lostFiles: this.#vanished + missed.files,
      lostBytes: missed.bytes,
      waiting,
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
    return this.#work(limits, (signals) => this.#loop.follow(signals));
  }

  /**
   * Forwards all that is stored now, the interval that is open included.
   *
   * @param limits - Without a signal it takes as long as the backend is away.
   * @returns As {@link Forwarder.run}.
   */
  once(limits: ForwardLimits = {}): Promise<boolean> {
    return this.#work(limits, (signals) => this.#loop.flush(signals));
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
      this.#loop.resume(outbox, points);
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

  #maintain(): void {
    this.#self?.tell(this.stats);
    // Only while nothing is read; a reader sees it itself.
    if (this.#loop.waiting > 0) this.#intake.look();
    this.#loop.tellMissed();
  }

  #report(event: ForwardNews): void {
    try {
      this.#listener?.({ ...event, backend: this.#settings.name });
    } catch {
      // A listener that throws must not end the forwarding.
    }
  }
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
