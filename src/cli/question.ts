import type { AnalyzeOptions, GroupKey, Ranking } from '../analyze/options.js';
import { percentile } from '../analyze/query.js';
import { type StatisticName, STATISTICS } from '../analyze/statistics.js';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import type { MetricRecord } from '../record.js';
import { shardOf } from '../store/shard.js';
import { LONGEST_TIME, parseBytes, parseCount, parseDuration } from './archive/amounts.js';
import type { FlagValues } from './command.js';

/** The flags that say what is computed of the records. */
export const QUESTION_FLAGS = {
  metric: 'texts',
  agent: 'texts',
  'group-by': 'texts',
  step: 'text',
  quantile: 'texts',
  top: 'text',
  by: 'text',
  over: 'text',
  columns: 'texts',
  'max-memory': 'text',
} as const;

/** A column of numbers: a statistic, a quantile such as `p99.9`, or one of two that say how good the others are. */
export type ColumnName = Ranking | 'error' | 'nan';

/** What somebody wants to know. */
export interface Question {
  readonly options: AnalyzeOptions;
  readonly groupBy: readonly GroupKey[];
  /** The columns that were asked for; undefined where the table chooses. */
  readonly columns: readonly ColumnName[] | undefined;
}

/** What the largest groups are by, and what is held against a limit, where nobody says. */
const DEFAULT_RANKING = 'avg';

/**
 * Reads what somebody wants to know.
 *
 * @param flags - As they were given.
 * @param shards - How many shards there are.
 * @throws MetricsError `ERR_METRICS_OPTION` naming the flag and its value.
 */
export function readQuestion(flags: FlagValues<typeof QUESTION_FLAGS>, shards: number): Question {
  const { top, over } = flags;
  if (flags.by !== undefined && top === undefined && over === undefined) {
    throw bad('--by says what --top or --over is about; give one of them');
  }
  const by = flags.by === undefined ? DEFAULT_RANKING : ranking('--by', flags.by);
  const columns = flags.columns && listed(flags.columns).map((name) => columnName(name));
  const quantiles = [
    ...(flags.quantile ?? []).map((text) => numberOf('--quantile', text, 0, 1)),
    ...(columns ?? []).flatMap((name) => (isStatistic(name) ? [] : (percentile(name) ?? []))),
  ];
  const stepMs = parseDuration('--step', flags.step, ['1ms', LONGEST_TIME]);
  const groupBy = listed(flags['group-by'] ?? ['metric']).map(groupKey);
  const n = parseCount('--top', top, 1, 1_000_000);
  return {
    options: {
      metrics: flags.metric,
      agents: flags.agent,
      groupBy,
      shardOf: rememberedShard(shards),
      quantiles,
      stepMs,
      top: n === undefined ? undefined : { n, by },
      over: over === undefined ? undefined : { limit: numberOf('--over', over, -Infinity, Infinity), by },
      maxMemoryBytes: maxMemory(flags['max-memory']),
    },
    groupBy,
    columns,
  };
}

/** How a quantile is called: 0.999 is `p99.9`. */
export function quantileName(q: number): `p${number}` {
  // A product such as 0.999 * 100 has digits that nobody wrote.
  return `p${Number((q * 100).toPrecision(12))}`;
}

/** Whether a name is that of a statistic that every group has. */
export function isStatistic(name: string): name is StatisticName {
  return (STATISTICS as readonly string[]).includes(name);
}

function listed(lists: readonly string[]): string[] {
  return lists.flatMap((list) => list.split(',')).map((item) => item.trim());
}

function groupKey(key: string): GroupKey {
  if (key === 'metric' || key === 'agent' || key === 'shard' || /^attr:./.test(key)) return key as GroupKey;
  throw bad(`--group-by must list metric, agent, shard or attr:NAME, got ${shown(key)}`);
}

function columnName(name: string): ColumnName {
  return name === 'error' || name === 'nan' ? name : ranking('--columns', name);
}

function ranking(flag: string, name: string): Ranking {
  if (isStatistic(name) || percentile(name) !== undefined) return name as Ranking;
  throw bad(`${flag} must be one of ${STATISTICS.join(', ')}, or such as p99.9, got ${shown(name)}`);
}

function numberOf(flag: string, text: string, least: number, most: number): number {
  const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  const range = Number.isFinite(least) ? ` from ${least} to ${most}` : '';
  throw bad(`${flag} must be a number${range}, got ${shown(text)}`);
}

function maxMemory(text: string | undefined): number | undefined {
  const bytes = parseBytes('--max-memory', text);
  if (bytes === undefined || bytes >= 2 ** 20) return bytes;
  throw bad(`--max-memory must be at least 1MiB, got ${shown(text)}`);
}

/** The shard of a record's agent; computed once for each agent. */
function rememberedShard(shards: number): (record: MetricRecord) => number {
  const known = new Map<string, number>();
  return ({ agent }) => {
    let shard = known.get(agent);
    if (shard === undefined) {
      shard = shardOf(agent, shards);
      known.set(agent, shard);
    }
    return shard;
  };
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
