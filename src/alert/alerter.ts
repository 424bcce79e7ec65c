import { setTimeout as delay } from 'node:timers/promises';
import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { integerOption } from '../options.js';
import { type ShardDirectory, shardDirectory } from '../store/directory.js';
import { labelsOfAlert } from './compose.js';
import { type CurrentAlert, currentAlerts } from './current.js';
import { Dispatch } from './dispatch.js';
import { type Change } from './engine.js';
import { Evaluator } from './evaluator.js';
import type { AlertEvent } from './events.js';
import type { ChannelMemory } from './memory.js';
import type { AlerterOptions } from './options.js';
import { Pace } from './pace.js';
import { type AlertRules, alertsOf, defaultAlerts } from './rules.js';
import type { Alerts } from './rule.js';
import { SelfMetrics } from './self-metrics.js';
import { SilenceReader } from './silence-file.js';
import { StateKeeper } from './state-keeper.js';
import type { AlerterStatus } from './status.js';

/** How long what is under way may take when the alerter closes. */
const CLOSE_MS = 5000;

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
  readonly #pace: Pace;
  #alerts: Alerts;
  #dispatch: Dispatch;
  /** These two from open() on. */
  #evaluator: Evaluator | undefined;
  #keeper: StateKeeper | undefined;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(options: AlerterOptions) {
    this.#options = options;
    this.#directory = shardDirectory(options.directory ?? readEnvironment().directory);
    this.#now = options.now ?? Date.now;
    this.#pace = new Pace(this.#now);
    this.#alerts = readRules(options.rules ?? defaultAlerts(), options.intervalMs);
    this.#silences = new SilenceReader(options.state);
    this.#dispatch = this.#newDispatch(this.#alerts, new Map());
    if (options.metrics !== false) this.#metrics = new SelfMetrics(this.#named);
  }

  /** How it is. */
  get status(): AlerterStatus {
    const evaluator = this.#evaluator;
    const { evaluatedAt = -Infinity, evaluationMs = 0, tornLines = 0, overflow = 0 } = evaluator ?? {};
    return {
      evaluatedAt: Number.isFinite(evaluatedAt) ? evaluatedAt : null,
      lagMs: this.#pace.lagMs,
      evaluationMs,
      firing: [...(evaluator?.engine.instances() ?? [])].filter(({ status }) => status === 'firing').length,
      waiting: this.#dispatch.waiting,
      waitingMs: this.#dispatch.failingMs,
      counts: { ...this.#dispatch.counts, tornLines, overflow },
    };
  }

  /**
   * Becomes the alerter of its state directory and reads what an earlier one left. Whatever needs it does so by itself.
   *
   * @throws MetricsError `ERR_METRICS_STORE` where another alerter has the directory, and says who;
   * `ERR_METRICS_CLOSED` after `close()`.
   */
  open(): void {
    this.#opened();
  }

  #opened(): Evaluator {
    if (this.#closed !== undefined) throw new MetricsError('ERR_METRICS_CLOSED', 'the alerter is closed');
    if (this.#evaluator !== undefined) return this.#evaluator;
    this.#keeper = new StateKeeper(this.#options.state, (message) => this.#complain(message));
    const { evaluatedAt, instances, channels } = this.#keeper.load();
    const host = {
      directory: this.#named,
      now: this.#now,
      changed: (changes: readonly Change[]) => this.#tell(changes),
      problem: (message: string) => this.#complain(message),
    };
    this.#evaluator = new Evaluator(host, this.#alerts, instances, evaluatedAt);
    this.#dispatch = this.#newDispatch(this.#alerts, channels);
    return this.#evaluator;
  }

  /**
   * Evaluates all rules once, and sends what is due; for a timer in place of {@link Alerter.run}.
   *
   * @returns Whether channels accepted all of it. What was not accepted is on disk, for the next round.
   * @throws MetricsError as {@link Alerter.open}.
   */
  async round(): Promise<boolean> {
    await this.#evaluate(this.#opened());
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
    const evaluator = this.#opened();
    const wakeUp = (): void => this.#pace.wake();
    signal.addEventListener('abort', wakeUp);
    try {
      while (!signal.aborted) {
        if (this.#pace.takeTurn(this.#alerts.intervalMs)) await this.#evaluate(evaluator);
        else evaluator.read();
        const nextAt = this.#dispatch.deliver();
        await this.#pace.wait(nextAt, signal);
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
      await this.close();
    }
  }

  /** Makes {@link Alerter.run} evaluate at once. */
  requestRound(): void {
    this.#pace.hurry();
  }

  /**
   * Takes other rules, and keeps the state of those that go on.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where a channel cannot be made; then everything stays as it was.
   */
  async reload(rules: AlertRules): Promise<void> {
    const alerts = readRules(rules, this.#options.intervalMs);
    await this.#dispatch.idle();
    this.#dispatch = this.#newDispatch(alerts, this.#dispatch.memories);
    this.#alerts = alerts;
    this.#evaluator?.setRules(alerts);
    this.#report({ type: 'reloaded', rules: alerts.rules.length });
    this.requestRound();
  }

  /** The alerts that are pending or firing, or over and not told yet: the worst first. */
  alerts(): CurrentAlert[] {
    return currentAlerts(this.#evaluator?.engine.instances() ?? [], this.#alerts);
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
    this.#persist();
    this.#evaluator?.close();
    await this.#metrics?.close();
    this.#keeper?.release();
  }

  async #evaluate(evaluator: Evaluator): Promise<void> {
    const problem = this.#silences.refresh();
    if (problem !== undefined) this.#complain(problem);
    await evaluator.evaluate();
    this.#persist();
    this.#metrics?.tell(this.status);
  }

  #newDispatch(alerts: Alerts, memories: ReadonlyMap<string, ChannelMemory>): Dispatch {
    const { channels, context } = this.#options;
    return new Dispatch({
      alerts,
      channels,
      context: { env: {}, now: this.#now, ...context, directory: this.#directory.path },
      memories,
      engine: this.#evaluator?.engine,
      silences: () => this.#silences.silences,
      host: {
        now: this.#now,
        random: Math.random,
        report: (event) => this.#report(event),
        ended: () => {
          this.#persist();
          this.#pace.wake();
        },
        signal: this.#stop.signal,
      },
    });
  }

  #persist(): void {
    const evaluator = this.#evaluator;
    if (evaluator === undefined) return;
    this.#dispatch.forget();
    const { evaluatedAt, engine } = evaluator;
    const instances = [...engine.instances()];
    this.#keeper?.save({ evaluatedAt, instances, channels: this.#dispatch.memories });
  }

  /** The directory of the shards, where somebody named it. */
  get #named(): string | undefined {
    return this.#directory.explicit ? this.#directory.path : undefined;
  }

  #tell(changes: readonly Change[]): void {
    for (const { type, instance } of changes) {
      const { rule, severity, value } = instance;
      const labels = labelsOfAlert(instance, this.#evaluator?.engine.rule(rule));
      this.#report({ type, rule, labels, severity, value });
    }
  }

  #complain(message: string): void {
    this.#report({ type: 'error', message });
  }

  #report(event: AlertEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // a listener's trouble is not ours
    }
  }
}

function readRules(rules: AlertRules, intervalMs: number | undefined): Alerts {
  const alerts = alertsOf(rules);
  const range = { min: 1000, max: 3_600_000 };
  return { ...alerts, intervalMs: integerOption('intervalMs', intervalMs, alerts.intervalMs, range) };
}
