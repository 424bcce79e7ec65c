import { join } from 'node:path';
import { setImmediate as yieldToOthers, setTimeout as delay } from 'node:timers/promises';
import { analyze } from '../analyze/analyzer.js';
import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { integerOption } from '../options.js';
import { type ShardDirectory, shardDirectory } from '../store/directory.js';
import { readRecords } from '../store/reader.js';
import { followRecords, type Tail } from '../store/tail.js';
import { labelsOfAlert } from './compose.js';
import { Dispatch } from './dispatch.js';
import { Engine } from './engine.js';
import type { AlertEvent } from './events.js';
import { StateLock } from './lock.js';
import { SEVERITIES } from './notification.js';
import type { AlerterOptions } from './options.js';
import { type AlertRules, alertsOf, defaultAlerts } from './rules.js';
import type { Alerts } from './rule.js';
import { SelfMetrics } from './self-metrics.js';
import { SilenceReader } from './silence-file.js';
import { loadState, saveState } from './state-file.js';
import type { Instance } from './state.js';
import type { AlerterStatus } from './status.js';
import { windowLength, Windows } from './windows.js';

/** What the state file is called. */
export const STATE_FILE = 'state.json';
const LOCK = 'alerter.lock';
/** New records are read this often, so that an evaluation finds little left to read. */
const FOLLOW_MS = 1000;
/** What was missed is evaluated afterwards, up to this long ago and in so many steps at most. */
const CATCH_UP_MS = 3_600_000;
const CATCH_UP_STEPS = 60;

/**
 * Evaluates rules over what agents store, and tells channels. Made by {@link createAlerter}.
 *
 * @remarks
 * Everything it knows is on disk before anything is sent, and what a channel accepted is on disk right after: whatever
 * kills it, at whatever moment, the next one goes on there. Nothing is lost; what was accepted in the moment of the
 * kill is sent twice, with the same id.
 *
 * @public
 */
export class Alerter {
  readonly #options: AlerterOptions;
  readonly #directory: ShardDirectory;
  readonly #now: () => number;
  readonly #silences: SilenceReader;
  readonly #stop = new AbortController();
  readonly #metrics: SelfMetrics | undefined;
  readonly #intervalMs: number | undefined;
  #alerts: Alerts;
  #engine: Engine;
  #dispatch: Dispatch;
  #windows: Windows;
  #tail: Tail | undefined;
  #lock: StateLock | undefined;
  #evaluatedAt = -Infinity;
  #dueAt = -Infinity;
  #lagMs = 0;
  #evaluationMs = 0;
  #stateProblem: string | undefined;
  #wake = new AbortController();
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(options: AlerterOptions) {
    this.#options = options;
    this.#directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.#now = options.now ?? Date.now;
    this.#intervalMs =
      options.intervalMs === undefined
        ? undefined
        : integerOption('intervalMs', options.intervalMs, 0, { min: 1000, max: 3_600_000 });
    this.#alerts = this.#readRules(options.rules ?? defaultAlerts());
    this.#silences = new SilenceReader(options.state);
    this.#engine = new Engine(this.#alerts.rules);
    this.#windows = this.#newWindows();
    this.#dispatch = this.#newDispatch(new Map());
    if (options.metrics !== false) {
      this.#metrics = new SelfMetrics(this.#directory.explicit ? this.#directory.path : undefined);
    }
  }

  /** How it is. */
  get status(): AlerterStatus {
    const { counts } = this.#tail ?? { counts: { torn: 0, foreign: 0 } };
    return {
      evaluatedAt: Number.isFinite(this.#evaluatedAt) ? this.#evaluatedAt : null,
      lagMs: this.#lagMs,
      evaluationMs: this.#evaluationMs,
      firing: [...this.#engine.instances()].filter(({ status }) => status === 'firing').length,
      waiting: this.#dispatch.waiting,
      waitingMs: this.#dispatch.failingMs,
      counts: {
        ...this.#dispatch.counts,
        tornLines: counts.torn + counts.foreign,
        overflow: this.#engine.overflow + this.#windows.overflow,
      },
    };
  }

  /**
   * Becomes the alerter of its state directory and reads what an earlier one left. Whatever needs it does so by itself.
   *
   * @throws MetricsError `ERR_METRICS_STORE` where another alerter has the directory, and says who;
   * `ERR_METRICS_CLOSED` after `close()`.
   */
  open(): void {
    if (this.#closed !== undefined) throw new MetricsError('ERR_METRICS_CLOSED', 'the alerter is closed');
    if (this.#lock !== undefined) return;
    const { state } = this.#options;
    this.#lock = StateLock.acquire(state, LOCK);
    const { evaluatedAt, instances, channels, problem } = loadState(join(state, STATE_FILE));
    if (problem !== undefined) this.#report({ type: 'error', message: problem });
    this.#evaluatedAt = evaluatedAt;
    this.#engine = new Engine(this.#alerts.rules, instances, this.#now());
    this.#dispatch = this.#newDispatch(channels);
    this.#follow();
  }

  /**
   * Evaluates all rules once, and sends what is due; for a timer in place of {@link Alerter.run}.
   *
   * @returns Whether channels accepted all of it. What was not accepted is on disk, for the next round.
   * @throws MetricsError as {@link Alerter.open}.
   */
  async round(): Promise<boolean> {
    this.open();
    await this.#evaluate();
    const { failed, refused } = this.#dispatch.counts;
    await this.#dispatch.settle();
    this.#persist();
    const after = this.#dispatch.counts;
    return after.failed === failed && after.refused === refused;
  }

  /**
   * Evaluates rules again and again, and sends what is due, until the signal; then waits for what is under way and closes.
   *
   * @throws MetricsError as {@link Alerter.open}. After that nothing is thrown: what fails is tried again.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.open();
    const wakeUp = (): void => this.#wake.abort();
    signal.addEventListener('abort', wakeUp);
    try {
      while (!signal.aborted) {
        const now = this.#now();
        // A clock that was set back must not let everybody wait.
        if (this.#dueAt > now + this.#alerts.intervalMs) this.#dueAt = now + this.#alerts.intervalMs;
        if (now >= this.#dueAt) {
          this.#lagMs = Number.isFinite(this.#dueAt) ? now - this.#dueAt : 0;
          await this.#evaluate();
          this.#dueAt = nextDue(this.#dueAt, this.#alerts.intervalMs, now);
        } else this.#read();
        const nextAt = this.#dispatch.deliver();
        await this.#pause(Math.min(nextAt, this.#dueAt) - this.#now(), signal);
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
      await this.close();
    }
  }

  /** Makes {@link Alerter.run} evaluate at once. */
  requestRound(): void {
    this.#dueAt = -Infinity;
    this.#wake.abort();
  }

  /**
   * Takes other rules, and keeps the state of those that go on.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where a channel cannot be made; then everything stays as it was.
   */
  async reload(rules: AlertRules): Promise<void> {
    const alerts = this.#readRules(rules);
    const before = this.#alerts;
    this.#alerts = alerts;
    try {
      await this.#dispatch.idle();
      this.#dispatch = this.#newDispatch(this.#dispatch.memories);
    } catch (error) {
      this.#alerts = before;
      throw error;
    }
    this.#engine.setRules(alerts.rules, this.#now());
    this.#follow();
    this.#report({ type: 'reloaded', rules: alerts.rules.length });
    this.requestRound();
  }

  /** The alerts that are pending or firing, or over and not told yet: the worst first. */
  alerts(): CurrentAlert[] {
    return currentAlerts(this.#engine.instances(), this.#alerts);
  }

  /** Waits for what is under way, keeps everything on disk, and lets another one be the alerter. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const grace = delay(CLOSE_MS, undefined, { ref: false }).then(() => this.#stop.abort());
    await Promise.race([this.#dispatch.idle(), grace]);
    await this.#dispatch.idle();
    if (this.#lock !== undefined) this.#persist();
    this.#tail?.close();
    await this.#metrics?.close();
    this.#lock?.release();
  }

  #readRules(rules: AlertRules): Alerts {
    const alerts = alertsOf(rules);
    return this.#intervalMs === undefined ? alerts : { ...alerts, intervalMs: this.#intervalMs };
  }

  async #evaluate(): Promise<void> {
    const problem = this.#silences.refresh();
    if (problem !== undefined) this.#report({ type: 'error', message: problem });
    try {
      this.#read();
      const now = this.#now();
      await this.#catchUp(now);
      const previous = this.#evaluatedAt < now ? this.#evaluatedAt : -Infinity;
      const startedAt = performance.now();
      this.#step(now, () => {
        this.#engine.evaluate({ now, previous, analyzeBy: (groupBy) => this.#windows.analyzeBy(groupBy) });
      });
      this.#evaluationMs = performance.now() - startedAt;
    } catch (error) {
      this.#report({ type: 'error', message: `rules could not be evaluated: ${messageOf(error)}` });
    }
    this.#dispatch.update(this.#engine);
    this.#persist();
    this.#metrics?.tell(this.status);
  }

  /** Evaluates, from the files, the moments that were missed while nothing ran: what happened meanwhile is told. */
  async #catchUp(now: number): Promise<void> {
    const { intervalMs } = this.#alerts;
    const from = Math.max(this.#evaluatedAt, now - CATCH_UP_MS);
    if (!Number.isFinite(this.#evaluatedAt) || now - from < 1.5 * intervalMs) return;
    const steps = Math.min(CATCH_UP_STEPS, Math.ceil((now - from) / intervalMs) - 1);
    for (let i = 1; i <= steps; i += 1) {
      const at = Math.round(from + ((now - from) * i) / (steps + 1));
      const previous = this.#evaluatedAt;
      this.#step(at, () => {
        this.#engine.evaluate({
          now: at,
          previous: Math.max(previous, from),
          analyzeBy: () => (query) =>
            analyze(readRecords({ ...query, directory: this.#directoryOption() }), query),
        });
      });
      await yieldToOthers();
    }
  }

  /** Evaluates one moment, and tells what changed. */
  #step(now: number, evaluate: () => void): void {
    const before = new Map<string, Instance>();
    for (const instance of this.#engine.instances()) before.set(instance.fingerprint, instance);
    evaluate();
    this.#evaluatedAt = now;
    for (const instance of this.#engine.instances()) {
      const type = changeOf(before.get(instance.fingerprint), instance);
      if (type === undefined) continue;
      const { rule, severity, value } = instance;
      const labels = labelsOfAlert(instance, this.#engine.rule(rule));
      this.#report({ type, rule, labels, severity, value });
    }
  }

  #read(): void {
    try {
      for (const { records } of this.#tail?.poll() ?? []) this.#windows.add(records);
    } catch (error) {
      this.#report({ type: 'error', message: `shards could not be read: ${messageOf(error)}` });
    }
  }

  #follow(): void {
    this.#tail?.close();
    this.#windows = this.#newWindows();
    const from = this.#now() - windowLength(this.#alerts.rules, this.#alerts.intervalMs);
    this.#tail = followRecords({ directory: this.#directoryOption(), from });
  }

  #directoryOption(): string | undefined {
    return this.#directory.explicit ? this.#directory.path : undefined;
  }

  #newWindows(): Windows {
    return new Windows(this.#alerts.rules, this.#alerts.intervalMs, this.#now);
  }

  #newDispatch(
    memories: ReadonlyMap<string, Dispatch['memories'] extends ReadonlyMap<string, infer M> ? M : never>,
  ) {
    const { channels, context } = this.#options;
    const dispatch = new Dispatch({
      alerts: this.#alerts,
      channels,
      context: { env: {}, now: this.#now, ...context, directory: this.#directory.path },
      memories,
      silences: () => this.#silences.silences,
      host: {
        now: this.#now,
        random: Math.random,
        report: (event) => this.#report(event),
        ended: () => {
          this.#persist();
          this.#wake.abort();
        },
        signal: this.#stop.signal,
      },
    });
    dispatch.update(this.#engine);
    return dispatch;
  }

  #persist(): void {
    if (this.#lock === undefined) return;
    this.#dispatch.forget();
    const { memories } = this.#dispatch;
    try {
      const instances = [...this.#engine.instances()];
      const state = { evaluatedAt: this.#evaluatedAt, instances, channels: memories };
      saveState(join(this.#options.state, STATE_FILE), state);
      this.#stateProblem = undefined;
    } catch (error) {
      // Alerts are sent all the same: telling twice after a restart is better than not at all.
      const message = `the state cannot be kept: ${messageOf(error)}`;
      if (message !== this.#stateProblem) this.#report({ type: 'error', message });
      this.#stateProblem = message;
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    if (signal.aborted || ms <= 0) return;
    await delay(Math.min(ms, FOLLOW_MS), undefined, { signal: this.#wake.signal }).catch(() => undefined);
  }

  #report(event: AlertEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // a listener's trouble is not ours
    }
  }
}

/** How long what is under way may take when the alerter closes. */
const CLOSE_MS = 5000;

/**
 * An alert as {@link Alerter.alerts} lists it.
 *
 * @public
 */
export interface CurrentAlert {
  /** Pending: its condition holds, not yet for long enough. */
  readonly status: 'pending' | 'firing' | 'resolved';
  /** As notifications have it. */
  readonly fingerprint: string;
  /** Name of the rule. */
  readonly rule: string;
  /** How bad it is. */
  readonly severity: (typeof SEVERITIES)[number];
  /** What identifies it. */
  readonly labels: Readonly<Record<string, string>>;
  /** What was measured last. */
  readonly value: number | null;
  /** What it is compared with. */
  readonly limit: number | null;
  /** Since when it is pending or fires, in Unix milliseconds. */
  readonly since: number;
  /** Why there is no data, where there is none. */
  readonly reason: string | null;
}

/** Makes a list for people of what is known. */
export function currentAlerts(instances: Iterable<Instance>, { rules }: Alerts): CurrentAlert[] {
  const order = ['firing', 'pending', 'resolved'];
  return [...instances]
    .flatMap((instance): CurrentAlert[] => {
      const { status, fingerprint, rule, severity, value, limit, startsAt, reason, levels } = instance;
      if (status === 'inactive') return [];
      const labels = labelsOfAlert(
        instance,
        rules.find(({ name }) => name === rule),
      );
      const since = (status === 'pending' ? levels[severity]?.since : startsAt) ?? 0;
      return [{ status, fingerprint, rule, severity, labels, value, limit, since, reason }];
    })
    .sort(
      (a, b) =>
        order.indexOf(a.status) - order.indexOf(b.status) ||
        SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
        a.since - b.since,
    );
}

/**
 * Makes an alerter. Opens nothing yet.
 *
 * @example
 * ```ts
 * const alerter = createAlerter({ state: '/var/lib/cfn-metrics/alert', rules: defaultAlerts() });
 * await alerter.run(AbortSignal.timeout(60_000));
 * ```
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where a channel cannot be made, such as for a missing secret.
 *
 * @public
 */
export function createAlerter(options: AlerterOptions): Alerter {
  return new Alerter(options);
}

function changeOf(
  before: Instance | undefined,
  after: Instance,
): 'fired' | 'escalated' | 'resolved' | undefined {
  if (after.status === 'firing') {
    if (before?.status !== 'firing') return 'fired';
    const worse = SEVERITIES.indexOf(after.severity) < SEVERITIES.indexOf(before.severity);
    return worse ? 'escalated' : undefined;
  }
  return after.status === 'resolved' && before?.status === 'firing' ? 'resolved' : undefined;
}

/** At a steady pace; what was missed is not made up for by haste. */
function nextDue(dueAt: number, intervalMs: number, now: number): number {
  return Number.isFinite(dueAt) && now - dueAt < intervalMs ? dueAt + intervalMs : now + intervalMs;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
