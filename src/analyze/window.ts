import { DROPPED, type MetricRecord, TARGET_INFO } from '../record.js';
import type { Analysis } from './analyzer.js';
import type { Group } from './groups.js';
import { countOver, topOf } from './ranking.js';
import { HistogramSeries } from './window-histograms.js';
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
import { WindowStreams } from './window-streams.js';
import { SeriesTree } from './window-tree.js';

/** Lengths of time that are kept added up; whoever asks for more of them in turn has them added up anew. */
const MOST_VIEWS = 8;
/** Questions that are remembered. */
const MOST_PLANS = 64;
/** What is over stays for this long, so that a view that moves on can still take it away. */
const SLACK_MS = 10_000;
const SECOND_MS = 1000;

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

interface KeptView {
  readonly slot: number;
  readonly generation: number;
  used: number;
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
  readonly #views = new Map<number, KeptView>();
  readonly #plans = new Map<string, { plan: Plan; version: number; generation: number }>();
  #now = -Infinity;
  #swept = -Infinity;
  #trimmed = -Infinity;
  #turn = 0;
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
    this.#dropped = new NumberSeries({
      metric: DROPPED,
      type: 'counter',
      unit: undefined,
      values: [],
      overflow: false,
      writer: undefined,
    });
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
    else this.#streams.see(time);
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
    else series.add(time, valueOf(record, before), record.value, this.#keep(now));
  }

  /**
   * Computes statistics by group, of whole seconds.
   *
   * @remarks
   * Costs what came and went since the same length of time was asked for the last time, for up to eight lengths. Groups
   * that did not change are the same objects as in the answer before: take them as they are.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where a question is not what it must be, or asks for what is not kept.
   */
  analyze(query: WindowQuery = {}): Analysis {
    const now = this.#tick();
    const question = readQuestion(query, this.#settings, now);
    const { since, until, top, over } = question;
    const kept = this.#view(until - since);
    const view = { slot: kept.slot, since, until };
    const answer = this.#plan(question, kept.generation).answer(view);
    this.#dropped.advance(view);
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
      dropped: this.#dropped.part(view).tally.total,
    };
  }

  /** Takes the time, and forgets once a second what is over. */
  #tick(): number {
    const now = this.#settings.now();
    if (now < this.#now) this.#stepBack(now);
    this.#now = now;
    if (now - this.#swept < SECOND_MS) return now;
    this.#swept = now;
    this.#tree.forget(wholeSecond(now) - this.#settings.lengthMs);
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

  /** The place in which all series keep what they added up over a length of time. */
  #view(lengthMs: number): KeptView {
    this.#turn += 1;
    let view = this.#views.get(lengthMs);
    if (view === undefined) {
      let slot = this.#views.size;
      if (slot >= MOST_VIEWS) {
        const [oldest, { slot: free }] = [...this.#views].reduce((a, b) => (a[1].used <= b[1].used ? a : b));
        this.#views.delete(oldest);
        slot = free;
      }
      view = { slot, generation: this.#turn, used: this.#turn };
      this.#views.set(lengthMs, view);
    }
    view.used = this.#turn;
    return view;
  }

  #plan(question: WindowQuestion, generation: number): Plan {
    const name = `${question.until - question.since} ${question.name}`;
    const { version } = this.#tree;
    let known = this.#plans.get(name);
    this.#plans.delete(name);
    if (known?.version !== version || known.generation !== generation) {
      known = { plan: new Plan(this.#tree.all, this.#settings.keys, question), version, generation };
    }
    this.#plans.set(name, known);
    // The one that was not asked for longest comes first.
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= MOST_PLANS) break;
      this.#plans.delete(oldest);
    }
    return known.plan;
  }
}

/** What counts of a number; NaN where nothing does. */
function valueOf({ value }: MetricRecord, before: MetricRecord | 'whole' | 'baseline'): number {
  if (before === 'whole') return value;
  // A fall without a new start breaks the rules of a counter; what was lost is unknown, so counting starts anew.
  if (before === 'baseline' || value < before.value) return NaN;
  return value === before.value ? 0 : value - before.value;
}

/** Metrics that come in several types or units; groups of one metric stand together. */
function mixedOf(groups: readonly Group[]): string[] {
  const mixed = new Set<string>();
  let first: Group | undefined;
  for (const group of groups) {
    if (first?.metric !== group.metric) first = group;
    else if (group.type !== first.type || group.unit !== first.unit) mixed.add(group.metric);
  }
  return [...mixed];
}

function wholeSecond(time: number): number {
  return Math.floor(time / SECOND_MS) * SECOND_MS;
}
