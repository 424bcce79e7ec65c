import type { Analysis } from '../analyze/analyzer.js';
import type { Group } from '../analyze/groups.js';
import type { GroupKey } from '../analyze/options.js';
import type { ReadCounts } from '../store/reader.js';
import { csvRow, jsonNumber } from './format.js';

/** What `analyze` found. */
export interface Answer {
  readonly analysis: Analysis;
  readonly counts: ReadCounts;
  readonly directory: string;
  readonly groupBy: readonly GroupKey[];
}

/** The statistics, in the order in which every form shows them. */
export const STATISTICS = ['count', 'sum', 'avg', 'min', 'max', 'p50', 'p95', 'p99'] as const;

/** What a group has for a key that it was grouped by; undefined where its records do not have it. */
export function keyOf(group: Group, key: GroupKey): string | undefined {
  if (key === 'metric') return group.metric;
  return key === 'agent' ? group.agent : group.attributes?.[key.slice('attr:'.length)];
}

/** The keys beside the metric, which every form shows first. */
export function keysBesideMetric({ groupBy }: Answer): GroupKey[] {
  return [...new Set(groupBy)].filter((key) => key !== 'metric');
}

/** One JSON object on one line. */
export function answerAsJson({ analysis, counts, directory }: Answer): string {
  const { since, until, groups, records, dropped } = analysis;
  const { torn, foreign, files, unreadable } = counts;
  const answer = {
    since,
    until,
    directory,
    groups: groups.map((group) => ({ ...group, ...statisticsAsJson(group) })),
    records,
    skipped: torn + foreign,
    torn,
    foreign,
    dropped: jsonNumber(dropped),
    files,
    unreadable,
  };
  return `${JSON.stringify(answer)}\n`;
}

function statisticsAsJson(group: Group): Record<string, number | string | null> {
  return Object.fromEntries(
    STATISTICS.map((name) => {
      const value = group[name];
      return [name, value === null ? null : jsonNumber(value)];
    }),
  );
}

/** A row a group, after one with the names of the columns; what there is none of is empty. */
export function answerAsCsv(answer: Answer): string {
  const keys = keysBesideMetric(answer);
  let csv = csvRow(['metric', ...keys, 'type', 'unit', ...STATISTICS, 'exact']);
  for (const group of answer.analysis.groups) {
    csv += csvRow([
      group.metric,
      ...keys.map((key) => keyOf(group, key) ?? ''),
      group.type,
      group.unit ?? '',
      ...STATISTICS.map((name) => group[name] ?? ''),
      group.exact,
    ]);
  }
  return csv;
}
