import type { Analysis } from '../analyze/analyzer.js';
import type { Group } from '../analyze/groups.js';
import type { GroupKey } from '../analyze/options.js';
import { percentile } from '../analyze/query.js';
import { STATISTICS } from '../analyze/statistics.js';
import type { ReadCounts } from '../store/reader.js';
import { csvRow, jsonNumber } from './format.js';
import { type ColumnName, isStatistic, quantileName, type Question } from './question.js';

/** What `analyze` found. */
export interface Answer extends Question {
  readonly analysis: Analysis;
  readonly counts: ReadCounts;
  readonly directory: string;
}

/** What a group has for a key that it was grouped by; undefined where its records do not have it. */
export function keyOf(group: Group, key: GroupKey): string | undefined {
  if (key === 'metric') return group.metric;
  if (key === 'agent') return group.agent;
  if (key === 'shard') return group.shard === undefined ? undefined : String(group.shard);
  return group.attributes?.[key.slice('attr:'.length)];
}

/** The number of a group in a column. */
export function numberIn(group: Group, column: ColumnName): number | null {
  if (isStatistic(column) || column === 'error' || column === 'nan') return group[column];
  return group.quantiles[String(percentile(column))] ?? null;
}

/** The keys beside the metric, which every form shows first. */
export function keysBesideMetric({ groupBy }: Answer): GroupKey[] {
  return [...new Set(groupBy)].filter((key) => key !== 'metric');
}

/** The columns of the quantiles that were asked for beside the usual ones. */
export function quantileColumns({ options }: Answer): ColumnName[] {
  const names = (options.quantiles ?? []).map(quantileName);
  return [...new Set(names)].filter((name) => !isStatistic(name));
}

/** What is needed of an answer to print it as JSON; `files` where files were looked into for it. */
export interface PlainAnswer extends Pick<Answer, 'analysis' | 'directory'> {
  readonly counts: Pick<ReadCounts, 'torn' | 'foreign' | 'unreadable'> & { readonly files?: number };
}

/** One JSON object on one line. */
export function answerAsJson({ analysis, counts, directory }: PlainAnswer): string {
  const { since, until, groups, over, mixed, records, ahead, dropped } = analysis;
  const { torn, foreign, files, unreadable } = counts;
  const answer = {
    since,
    until,
    directory,
    groups,
    over,
    mixed,
    records,
    skipped: torn + foreign,
    torn,
    foreign,
    ahead,
    dropped,
    files,
    unreadable,
  };
  // JSON has no NaN and no infinity.
  const text = JSON.stringify(answer, (_, value: unknown) =>
    typeof value === 'number' ? jsonNumber(value) : value,
  );
  return `${text}\n`;
}

/** A row a group, after one with the names of the columns; what there is none of is empty. */
export function answerAsCsv(answer: Answer): string {
  const keys = keysBesideMetric(answer);
  const time = answer.options.stepMs === undefined ? [] : ['time'];
  const numbers: readonly ColumnName[] = [...STATISTICS, ...quantileColumns(answer)];
  const last = ['exact', 'error', 'nan'];
  let csv = csvRow(['metric', ...keys, ...time, 'type', 'unit', ...numbers, ...last]);
  for (const group of answer.analysis.groups) {
    csv += csvRow([
      group.metric,
      ...keys.map((key) => keyOf(group, key) ?? ''),
      ...time.map(() => group.time ?? ''),
      group.type,
      group.unit ?? '',
      ...numbers.map((name) => numberIn(group, name) ?? ''),
      group.exact,
      group.error ?? '',
      group.nan,
    ]);
  }
  return csv;
}
