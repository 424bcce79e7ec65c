import { MetricsError } from '../errors.js';
import { integerOption } from '../options.js';
import type { AnalyzeOptions, GroupKey } from './options.js';
import { MAX_AHEAD_MS, type Query, type QueryKey, readQuery } from './query.js';

/**
 * What a `Window` can be told; every field is optional.
 *
 * @public
 */
export interface WindowOptions {
  /**
   * Milliseconds that are kept, in whole seconds: 1,000 to 86,400,000.
   *
   * @defaultValue 300,000
   */
  readonly lengthMs?: number | undefined;
  /**
   * What series are kept by, beside metric, type and unit. Other attributes are merged away, and nobody can ask for them
   * later; `shard` cannot be kept.
   *
   * @defaultValue `['metric', 'agent']`
   */
  readonly groupBy?: readonly GroupKey[] | undefined;
  /**
   * Series that are kept apart, 1 to 1,000,000. What comes beyond that is one series a metric, type and unit, with the
   * attribute `otel.metric.overflow`, until others were idle for the length of the window.
   *
   * @defaultValue 20,000
   */
  readonly maxSeries?: number | undefined;
  /**
   * Cumulative streams whose last point is remembered, 1 to 10,000,000.
   *
   * @defaultValue five times `maxSeries`
   */
  readonly maxStreams?: number | undefined;
  /**
   * Milliseconds after which a cumulative stream without points is forgotten, from 1,000: what it counted before it
   * comes back is then lost.
   *
   * @defaultValue 86,400,000, a day
   */
  readonly streamIdleMs?: number | undefined;
  /**
   * Milliseconds that a record may be ahead of the clock, 0 to 3,600,000; others are left out.
   *
   * @defaultValue 60,000
   */
  readonly maxAheadMs?: number | undefined;
  /**
   * The clock, in Unix milliseconds. It decides what is too old to keep.
   *
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined;
}

/**
 * What a `Window` can be asked; every field is optional. Times are taken to whole seconds: `since` down, `until` up.
 *
 * @public
 */
export interface WindowQuery extends Pick<
  AnalyzeOptions,
  'metrics' | 'agents' | 'groupBy' | 'quantiles' | 'top' | 'over'
> {
  /**
   * Unix milliseconds before which the last record that counts was appended, itself excluded.
   *
   * @defaultValue the end of the second that the clock is in or, as long as no record of it came, of the one before
   */
  readonly until?: number | undefined;
  /**
   * Unix milliseconds of the first record that counts, itself included; what is older than the window is not there.
   *
   * @defaultValue `lengthMs` before `until`
   */
  readonly since?: number | undefined;
  /**
   * Milliseconds before `until`, in the place of `since`.
   *
   * @defaultValue the length of the window
   */
  readonly lengthMs?: number | undefined;
}

/** {@link WindowOptions}, read and checked. */
export interface WindowSettings {
  readonly lengthMs: number;
  readonly keys: readonly QueryKey[];
  readonly maxSeries: number;
  readonly maxStreams: number;
  readonly streamIdleMs: number;
  readonly maxAheadMs: number;
  readonly now: () => number;
}

const DAY_MS = 86_400_000;
const SECOND_MS = 1000;

/** Reads and checks the options. */
export function readWindowOptions(options: WindowOptions): WindowSettings {
  const { groupBy = ['metric', 'agent'] } = options;
  if (groupBy.includes('shard'))
    refuse('groupBy of a window must be metric, agent or attr:NAME, got "shard"');
  const maxSeries = integerOption('maxSeries', options.maxSeries, 20_000, { min: 1, max: 1_000_000 });
  const lengthMs = integerOption('lengthMs', options.lengthMs, 300_000, { min: SECOND_MS, max: DAY_MS });
  if (lengthMs % SECOND_MS !== 0) refuse(`lengthMs must be whole seconds, got ${lengthMs}`);
  return {
    lengthMs,
    keys: readQuery({ groupBy }).keys,
    maxSeries,
    maxStreams: integerOption('maxStreams', options.maxStreams, 5 * maxSeries, { min: 1, max: 10_000_000 }),
    streamIdleMs: integerOption('streamIdleMs', options.streamIdleMs, DAY_MS, {
      min: SECOND_MS,
      max: 366 * DAY_MS,
    }),
    maxAheadMs: integerOption('maxAheadMs', options.maxAheadMs, MAX_AHEAD_MS, { min: 0, max: 3_600_000 }),
    now: options.now ?? Date.now,
  };
}

/** {@link WindowQuery}, read and checked; times are whole seconds within the window. */
export interface WindowQuestion extends Query {
  /** Where each key that was asked for stands among those that are kept. */
  readonly positions: readonly number[];
  /** The same text for questions that differ in time at most. */
  readonly name: string;
}

/**
 * Reads and checks a question.
 *
 * @param now - What the clock says.
 * @param end - Until when, where the question does not say.
 */
export function readQuestion(
  asked: WindowQuery,
  settings: WindowSettings,
  now: number,
  end: number,
): WindowQuestion {
  const { metrics, agents, groupBy, quantiles, top, over } = asked;
  const begin = wholeSecond(now) - settings.lengthMs;
  const query = readQuery({
    metrics,
    agents,
    groupBy,
    quantiles,
    top,
    over,
    since: asked.since,
    until: asked.until,
  });
  const until = Number.isFinite(query.until) ? -wholeSecond(-query.until) : end;
  const lengthMs = integerOption('lengthMs', asked.lengthMs, settings.lengthMs, {
    min: 1,
    max: settings.lengthMs,
  });
  if (asked.lengthMs !== undefined && asked.since !== undefined)
    refuse('since and lengthMs exclude each other');
  const since = asked.since === undefined ? until + wholeSecond(-lengthMs) : wholeSecond(query.since);
  if (agents !== undefined && !settings.keys.some(({ kind }) => kind === 'agent')) {
    refuse('agents can be asked for only where groupBy of the window has agent');
  }
  const positions = query.keys.map((key) => {
    const position = settings.keys.findIndex((kept) => sameKey(kept, key));
    return position >= 0 ? position : refuse(`groupBy must be of what the window keeps, got ${nameOf(key)}`);
  });
  const name = JSON.stringify([metrics, agents && [...query.agents!], positions, query.quantiles]);
  return { ...query, since: Math.min(Math.max(since, begin), until), until, positions, name };
}

function wholeSecond(time: number): number {
  return Math.floor(time / SECOND_MS) * SECOND_MS;
}

function sameKey(a: QueryKey, b: QueryKey): boolean {
  return a.kind === b.kind && nameOf(a) === nameOf(b);
}

function nameOf(key: QueryKey): string {
  return key.kind === 'attribute' ? `attr:${key.name}` : key.kind;
}

function refuse(message: string): never {
  throw new MetricsError('ERR_METRICS_OPTION', message);
}
