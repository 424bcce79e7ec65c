import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { agentId, agentProblem, type MetricRecord } from '../record.js';
import type { AnalyzeOptions, Ranking } from './options.js';
import { checkQuantile } from './quantile.js';
import { STATISTICS, type Statistics } from './statistics.js';

/** {@link AnalyzeOptions}, read and checked. */
export interface Query {
  /** -Infinity where there is no limit. */
  readonly since: number;
  /** Infinity where there is no limit. */
  readonly until: number;
  /** Not before `since`; -Infinity where it is not known. */
  readonly now: number;
  /** The last time that is not too far ahead of the clock; Infinity where that does not matter. */
  readonly latest: number;
  readonly metrics: readonly string[] | undefined;
  /** Agents in stored form. */
  readonly agents: ReadonlySet<string> | undefined;
  /** In the order that was asked for. */
  readonly keys: readonly QueryKey[];
  /** Beside those that every group has. */
  readonly quantiles: readonly number[];
  readonly stepMs: number | undefined;
  readonly top: { readonly n: number; readonly by: Ranking } | undefined;
  readonly over: { readonly limit: number; readonly by: Ranking } | undefined;
  readonly maxMemoryBytes: number;
}

/** One of the things that tell groups apart: the agent, the shard, or an attribute. */
export type QueryKey =
  | { readonly kind: 'agent' }
  | { readonly kind: 'shard'; readonly shardOf: (record: MetricRecord) => number }
  | { readonly kind: 'attribute'; readonly name: string };

/** How far ahead of the clock a record may be: more is no delay, but a clock that was put back. */
export const MAX_AHEAD_MS = 60_000;

const ATTRIBUTE = 'attr:';
const DEFAULT_MEMORY = 256 * 2 ** 20;
const LEAST_MEMORY = 2 ** 20;
/** More would take longer than reading the records. */
const MAX_QUANTILES = 100;

/** Reads and checks the options. */
export function readQuery(options: AnalyzeOptions): Query {
  const since = timeOption('since', options.since) ?? -Infinity;
  const until = timeOption('until', options.until) ?? Infinity;
  if (until < since) refuse(`until must not be before since, got ${until} before ${since}`);
  for (const pattern of options.metrics ?? []) {
    if (typeof pattern !== 'string') refuse(`metrics must be patterns, got ${shown(pattern)}`);
  }
  const { top, over } = options;
  const now = timeOption('now', options.now);
  const open = options.since !== undefined && options.until === undefined;
  return {
    since,
    until,
    now: now === undefined ? -Infinity : Math.max(now, since),
    latest: open && now !== undefined && since <= now ? now + MAX_AHEAD_MS : Infinity,
    metrics: options.metrics && [...options.metrics],
    agents: options.agents && new Set(options.agents.map(readAgent)),
    keys: [...new Set(options.groupBy)].flatMap((key) => readKey(key, options.shardOf)),
    quantiles: readQuantiles(options.quantiles ?? [], [top?.by, over?.by]),
    stepMs: options.stepMs === undefined ? undefined : wholeNumber('stepMs', options.stepMs, 1),
    top: top && { n: wholeNumber('top.n', top.n, 1), by: top.by },
    over: over && { limit: anyNumber('over.limit', over.limit), by: over.by },
    maxMemoryBytes: wholeNumber('maxMemoryBytes', options.maxMemoryBytes ?? DEFAULT_MEMORY, LEAST_MEMORY),
  };
}

/**
 * The number that groups are compared by.
 *
 * @returns Null where a group has none, or NaN.
 */
export function ranked(group: Statistics, by: Ranking): number | null {
  const value = isStatistic(by) ? group[by] : group.quantiles[String(percentile(by))]!;
  return value === null || Number.isNaN(value) ? null : value;
}

/** The quantile that `p99.9` means; undefined where a text is no such name. */
export function percentile(name: string): number | undefined {
  if (!/^p\d{1,3}(?:\.\d{1,12})?$/.test(name)) return undefined;
  // Not divided by 100, so that 0.999 comes out as the number that is written so.
  const q = Number(`${name.slice(1)}e-2`);
  return q <= 1 ? q : undefined;
}

function isStatistic(by: string): by is (typeof STATISTICS)[number] {
  return (STATISTICS as readonly string[]).includes(by);
}

function readQuantiles(asked: readonly number[], rankings: readonly (Ranking | undefined)[]): number[] {
  for (const q of asked) checkQuantile('quantiles', q);
  const all = new Set(asked);
  for (const by of rankings) {
    if (by === undefined || isStatistic(by)) continue;
    const q = percentile(by);
    if (q === undefined)
      refuse(`by must be one of ${STATISTICS.join(', ')} or such as p99.9, got ${shown(by)}`);
    all.add(q);
  }
  if (all.size > MAX_QUANTILES) refuse(`quantiles must be at most ${MAX_QUANTILES}, got ${all.size}`);
  return [...all];
}

function timeOption(name: string, time: unknown): number | undefined {
  if (time === undefined) return undefined;
  if (typeof time === 'number' && !Number.isNaN(new Date(time).getTime())) return time;
  return refuse(`${name} must be Unix milliseconds, got ${shown(time)}`);
}

function wholeNumber(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  return refuse(`${name} must be a whole number from ${least}, got ${shown(value)}`);
}

function anyNumber(name: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  return refuse(`${name} must be a number, got ${shown(value)}`);
}

function readAgent(agent: string | number): string {
  const id = agentId(agent);
  const problem = agentProblem(id);
  return problem === undefined ? id : refuse(`agents: ${problem}`);
}

function readKey(key: string, shardOf: AnalyzeOptions['shardOf']): QueryKey[] {
  if (key === 'metric') return [];
  if (key === 'agent') return [{ kind: 'agent' }];
  if (key === 'shard') {
    return shardOf === undefined ? refuse('groupBy shard needs shardOf') : [{ kind: 'shard', shardOf }];
  }
  if (typeof key === 'string' && key.startsWith(ATTRIBUTE) && key.length > ATTRIBUTE.length) {
    return [{ kind: 'attribute', name: key.slice(ATTRIBUTE.length) }];
  }
  return refuse(`groupBy must be metric, agent, shard or attr:NAME, got ${shown(key)}`);
}

function refuse(message: string): never {
  throw new MetricsError('ERR_METRICS_OPTION', message);
}
