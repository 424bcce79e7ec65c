import { DROPPED, type MetricRecord, TARGET_INFO } from '../record.js';
import type { Analysis } from './analyzer.js';
import { countOver, topOf } from './ranking.js';
import { HistogramSeries } from './window-histograms.js';
import { type MeasureQuery, measure, type Measurement } from './window-measured.js';
import { NumberSeries } from './window-numbers.js';
import {
  readQuestion,
  readWindowOptions,
  type WindowOptions,
  type WindowQuery,
  type WindowQuestion,
  type WindowSettings,
} from './window-options.js';
import { Plan } from './window-plan.js';
import { Plans } from './window-plans.js';
import type { View } from './window-series.js';
import { mixedOf } from './window-statistics.js';
import { WindowStreams } from './window-streams.js';
import { FIRST_POSITION, SeriesTree } from './window-tree.js';

/** What is over stays for this long, so that a view that moves on can still take it away. */
const SLACK_MS = 10_000;
const SECOND_MS = 1000;
const DROPPED_POSITION = FIRST_POSITION - 1;

/**
 * What a window has seen so far, and holds.
 *
 * @public
 */
export interface WindowCounts {
  /** Records that came in. */
  readonly records: number;
  /** Records left out because they were older than the window. */
  readonly late: number;
  /** Records left out because they were too far ahead of the clock. */
  readonly ahead: number;
  /** Records that were counted in a series of overflow. */
  readonly overflow: number;
  /** Records left out because there were too many metrics even for that. */
  readonly discarded: number;
  /** Series that are kept now, those of overflow included. */
  readonly series: number;
  /** Cumulative streams whose last point is remembered now. */
  readonly streams: number;
}

/**
 * The last minutes of all metrics, so that asking for statistics again and again costs what is new and no more.
 *
 * @remarks
 * Takes records in any order, but those of one cumulative series in the order they were written. Pure: it reads no file,
 * starts no timer, and takes the time from the clock it was given. The answers are those that {@link analyze} gives to
 * the records of the same whole seconds, but for what `docs/window.md` tells: cumulative points are compared with
 * the point before them even where that is not in the window.
 *
 * @example
 * ```ts
 * const window = new Window({ lengthMs: 300_000 });
 * for await (const { records } of followRecords({ from: Date.now() - 300_000 })) {
 *   for (const record of records) window.add(record);
 *   const { groups } = window.analyze({ lengthMs: 30_000, metrics: ['*_ms'], groupBy: ['agent'] });
 * }
 * ```
 *
 * @public
 */
export class Window {
  readonly #settings: WindowSettings;
  readonly #tree: SeriesTree;
  readonly #streams: WindowStreams;
  readonly #dropped: NumberSeries;
  readonly #plans = new Plans();
  #now = -Infinity;
  /** The latest time of a record that was taken. */
  #latest = -Infinity;
  #swept = -Infinity;
  #trimmed = -Infinity;
  readonly #counts = { records: 0, late: 0, ahead: 0, overflow: 0, discarded: 0 };

  /**
   * Starts empty.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where an option is not what it must be.
   */
  constructor(options: WindowOptions = {}) {
    this.#settings = readWindowOptions(options);
    this.#tree = new SeriesTree(this.#settings.keys, this.#settings.maxSeries);
    this.#streams = new WindowStreams(this.#settings.maxStreams, this.#settings.streamIdleMs);
    const none = { unit: undefined, values: [], overflow: false, writer: undefined };
    this.#dropped = new NumberSeries({ metric: DROPPED, type: 'counter', ...none }, DROPPED_POSITION);
  }

  /** What was seen so far. */
  get counts(): WindowCounts {
    return { ...this.#counts, series: this.#tree.all.length, streams: this.#streams.size };
  }

  /** Takes a record. One that is older than the window, or too far ahead of the clock, is counted and left out. */
  add(record: MetricRecord): void {
    const now = this.#tick();
    this.#counts.records += 1;
    const { time, metric } = record;
    if (metric === TARGET_INFO) return;
    const late = time < wholeSecond(now) - this.#settings.lengthMs;
    const ahead = time > now + this.#settings.maxAheadMs;
    if (late) this.#counts.late += 1;
    else if (ahead) this.#counts.ahead += 1;
    else {
      this.#streams.see(time);
      if (time > this.#latest) this.#latest = time;
    }
    // What is left out may still be what the next point is compared with.
    const before = this.#before(record, now);
    if (late || ahead) return;
    const series = metric === DROPPED ? this.#dropped : this.#tree.find(record);
    if (series === undefined) {
      this.#counts.discarded += 1;
      return;
    }
    if (series.labels.overflow) this.#counts.overflow += 1;
    if (series instanceof HistogramSeries) series.add(record, before);
    else {
      series.add(time, valueOf(record, before), record.value, this.#keep(now));
      for (const view of this.#plans.expected(now, this.#end(now))) series.keepUp(view);
    }
  }

  /**
   * Computes statistics by group, of whole seconds.
   *
   * @remarks
   * Costs what came and went since the same length of time was asked for the last time, for up to eight lengths. Where
   * that was less than a second ago, each record was added up as it came, and little is left to do. Groups that did not
   * change are the same objects as in the answer before: take them as they are.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where a question is not what it must be, or asks for what is not kept.
   */
  analyze(query: WindowQuery = {}): Analysis {
    const now = this.#tick();
    const end = this.#end(now);
    const question = readQuestion(query, this.#settings, now, end);
    const { since, until, top, over } = question;
    const range = String(until - since);
    const { slot, rows, plan } = this.#plan(range, question);
    const view = { slot, rows, since, until };
    this.#plans.shown(range, view, now, end);
    const answer = plan.answer(view);
    return {
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      groups:
        top === undefined
          ? answer.groups
          : topOf(
              answer.groups.map((group) => [group]),
              top.n,
              top.by,
            ).flat(),
      ...(over !== undefined && { over: countOver(answer.groups, over.limit, over.by) }),
      mixed: mixedOf(answer.groups),
      records: answer.records,
      dropped: this.#droppedIn(view),
    };
  }

  /**
   * What `measureIn` answers, for this package.
   *
   * @internal
   */
  _measure(query: unknown): unknown {
    const { since, until, groupBy, wanted } = query as MeasureQuery;
    const now = this.#tick();
    const question = readQuestion(
      { since, until, groupBy, metrics: [...wanted.keys()] },
      this.#settings,
      now,
      this.#end(now),
    );
    // A time that is over has a place of its own: who looks back as well moves nothing to and fro.
    const range = `${question.until - question.since}${question.until < now ? ' over' : ''}`;
    const { slot, rows, plan } = this.#plan(range, question);
    const view = { slot, rows, since: question.since, until: question.until };
    return { groups: measure(plan.rows, view, wanted), dropped: this.#droppedIn(view) } satisfies Measurement;
  }

  #droppedIn(view: View): number {
    this.#dropped.advance(view);
    return this.#dropped.part(view).tally.total;
  }

  /** Takes the time, and forgets once a second what is over. */
  #tick(): number {
    const now = this.#settings.now();
    if (now < this.#now) this.#stepBack(now);
    this.#now = now;
    if (now - this.#swept < SECOND_MS) return now;
    this.#swept = now;
    this.#tree.forget(wholeSecond(now) - this.#settings.lengthMs);
    if (this.#tree.isSparse) {
      this.#plans.clearRows();
      this.#tree.renumber();
    }
    this.#streams.sweep(now);
    if (now - this.#trimmed >= SLACK_MS) {
      this.#trimmed = now;
      for (const series of [...this.#tree.all, this.#dropped]) series.dropBefore(this.#keep(now));
    }
    return now;
  }

  /** A clock that was put back leaves points in what is now the future. */
  #stepBack(now: number): void {
    this.#swept = -Infinity;
    this.#trimmed = -Infinity;
    const limit = now + this.#settings.maxAheadMs;
    if (this.#now <= limit) return;
    for (const series of [...this.#tree.all, this.#dropped]) series.dropFrom(limit + 1);
  }

  /**
   * The end of the second that the clock is in or, as long as no record of it came, of the one before. So a second that has
   * just begun makes no rate too low, and who asks then does not wait for all that is over to be taken away: that is done
   * as records come.
   */
  #end(now: number): number {
    const second = wholeSecond(now);
    return this.#latest < second ? second : second + SECOND_MS;
  }

  /** The oldest point that is still wanted. */
  #keep(now: number): number {
    return wholeSecond(now) - this.#settings.lengthMs - SLACK_MS;
  }

  #before(record: MetricRecord, now: number): MetricRecord | 'whole' | 'baseline' {
    const { type, temporality, value } = record;
    if (temporality === undefined || type === undefined || type === 'gauge' || type === 'updowncounter')
      return 'whole';
    // A cumulative NaN must not become what the next point is compared with.
    if (type === 'counter' && Number.isNaN(value)) return 'whole';
    return this.#streams.advance(record, now);
  }

  /** How a question is answered, and the place in which series keep what they added up for it. */
  #plan(range: string, question: WindowQuestion): ReturnType<Plans['find']> {
    const make = (): Plan => new Plan(this.#tree.all, this.#settings.keys, question);
    return this.#plans.find(range, question.name, this.#tree.version, make);
  }
}

/** Computes what is wanted of each metric and nothing else, which takes a fraction of the time. */
export function measureIn(window: Window, query: MeasureQuery): Measurement {
  return window._measure(query) as Measurement;
}

/** What counts of a number; NaN where nothing does. */
function valueOf({ value }: MetricRecord, before: MetricRecord | 'whole' | 'baseline'): number {
  if (before === 'whole') return value;
  // A fall without a new start breaks the rules of a counter; what was lost is unknown, so counting starts anew.
  if (before === 'baseline' || value < before.value) return NaN;
  return value === before.value ? 0 : value - before.value;
}

function wholeSecond(time: number): number {
  return Math.floor(time / SECOND_MS) * SECOND_MS;
}
