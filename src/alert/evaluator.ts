import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { analyze } from '../analyze/analyzer.js';
import { pick } from '../analyze/window-measured.js';
import { readRecords } from '../store/reader.js';
import { followRecords, type Tail } from '../store/tail.js';
import { type Change, Engine } from './engine.js';
import type { Measure } from './measurements.js';
import type { Alerts } from './rule.js';
import type { Instance } from './state.js';
import { windowLength, Windows } from './windows.js';

/** What was missed is evaluated afterwards, up to this long ago and in so many steps at most. */
const CATCH_UP_MS = 3_600_000;
const CATCH_UP_STEPS = 60;

/** What an evaluator needs of its alerter. */
export interface EvaluatorHost {
  /** Where the shards are, where somebody named it. */
  readonly directory: string | undefined;
  readonly now: () => number;
  /** Hears what changed about alerts, moment by moment. */
  readonly changed: (changes: readonly Change[]) => void;
  /** Hears what is wrong, and will be tried again. */
  readonly problem: (message: string) => void;
}

/** Follows the shards and evaluates rules over them, also for moments that were missed. Tells nobody of alerts. */
export class Evaluator {
  readonly engine: Engine;
  readonly #host: EvaluatorHost;
  #alerts: Alerts;
  #windows: Windows;
  #tail: Tail;
  /** Lines that tails before this one found damaged. */
  #tornLines = 0;
  /** What this tail had found when it was through with what was there already; undefined until then. */
  #tornBefore: number | undefined;
  #evaluatedAt: number;
  #evaluationMs = 0;

  /**
   * Begins to follow.
   *
   * @param instances - What is known of alerts from before.
   * @param evaluatedAt - When that was; -Infinity where it never was.
   */
  constructor(
    host: EvaluatorHost,
    alerts: Alerts,
    instances: Iterable<Instance> = [],
    evaluatedAt = -Infinity,
  ) {
    this.#host = host;
    this.#alerts = alerts;
    this.#evaluatedAt = evaluatedAt;
    this.engine = new Engine(alerts.rules, instances, host.now());
    [this.#windows, this.#tail] = this.#follow();
  }

  /** When rules were evaluated last, in Unix milliseconds; -Infinity where they never were. */
  get evaluatedAt(): number {
    return this.#evaluatedAt;
  }

  /** How long the last evaluation took, without reading, in milliseconds. */
  get evaluationMs(): number {
    return this.#evaluationMs;
  }

  /** Lines that were damaged since it began: what was there before is read at each start, and would count each time. */
  get tornLines(): number {
    const torn = tornIn(this.#tail);
    return this.#tornLines + torn - (this.#tornBefore ?? torn);
  }

  /** Records, series and alerts that had no room. */
  get overflow(): number {
    return this.engine.overflow + this.#windows.overflow;
  }

  /** Takes other rules; what fires goes on where its rule does. */
  setRules(alerts: Alerts): void {
    this.read();
    this.#tornLines = this.tornLines;
    this.#tornBefore = undefined;
    this.#alerts = alerts;
    this.engine.setRules(alerts.rules, this.#host.now());
    this.#tail.close();
    [this.#windows, this.#tail] = this.#follow();
  }

  /** Reads what is new, so that an evaluation finds little left to read. */
  read(): void {
    try {
      for (const { records } of this.#tail.poll()) this.#windows.add(records);
      this.#tornBefore ??= tornIn(this.#tail);
    } catch (error) {
      this.#host.problem(`shards could not be read: ${messageOf(error)}`);
    }
  }

  /** Evaluates all rules as of now, after the moments that were missed. */
  async evaluate(): Promise<void> {
    try {
      this.read();
      const now = this.#host.now();
      const before = this.#evaluatedAt;
      await this.#catchUp(now);
      // After a clock was set back, what was evaluated last is not before now.
      const previous = this.#evaluatedAt < now ? this.#evaluatedAt : -Infinity;
      const startedAt = performance.now();
      const changes = this.engine.evaluate({
        now,
        previous,
        awaySince: this.#evaluatedAt === before ? undefined : before,
        measureBy: (groupBy) => this.#windows.measureBy(groupBy),
      });
      this.#evaluationMs = performance.now() - startedAt;
      this.#evaluatedAt = now;
      this.#host.changed(changes);
    } catch (error) {
      this.#host.problem(`rules could not be evaluated: ${messageOf(error)}`);
    }
  }

  /** Follows no more. */
  close(): void {
    this.#tail.close();
  }

  /** Evaluates, from the files, the moments that were missed while nothing ran: what happened meanwhile is told. */
  async #catchUp(now: number): Promise<void> {
    const { intervalMs } = this.#alerts;
    const from = Math.max(this.#evaluatedAt, now - CATCH_UP_MS);
    if (!Number.isFinite(this.#evaluatedAt) || now - from < 1.5 * intervalMs) return;
    const steps = Math.min(CATCH_UP_STEPS, Math.ceil((now - from) / intervalMs) - 1);
    const measure = measureFiles(this.#host.directory);
    for (let i = 1; i <= steps; i += 1) {
      const at = Math.round(from + ((now - from) * i) / (steps + 1));
      const previous = Math.max(this.#evaluatedAt, from);
      const changes = this.engine.evaluate({ now: at, previous, missed: true, measureBy: () => measure });
      this.#evaluatedAt = at;
      this.#host.changed(changes);
      await yieldToOthers();
    }
  }

  #follow(): [Windows, Tail] {
    const { directory, now } = this.#host;
    const { rules, intervalMs } = this.#alerts;
    const from = now() - windowLength(rules, intervalMs);
    return [new Windows(rules, intervalMs, now), followRecords({ directory, from })];
  }
}

/** Measures what is in files, also what is too old for windows in memory. */
function measureFiles(directory: string | undefined): Measure {
  return ({ since, until, groupBy, wanted }) => {
    const metrics = [...wanted.keys()];
    const quantiles = [...wanted.values()].flatMap((some) => some.flatMap(({ quantile }) => quantile ?? []));
    const { groups, dropped } = analyze(readRecords({ directory, since, until }), {
      ...{ since, until, metrics, groupBy },
      quantiles: [...new Set(quantiles)],
    });
    return { groups: groups.map((group) => pick(group, wanted.get(group.metric) ?? [])), dropped };
  };
}

function tornIn({ counts: { torn, foreign } }: Tail): number {
  return torn + foreign;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
