import type { Group } from '../analyze/groups.js';
import { type Answer, keyOf, keysBesideMetric, STATISTICS } from './answer.js';
import { counted, formatDuration, formatNumber } from './format.js';
import type { Style } from './style.js';
import { type Column, tableLines } from './table.js';
import { visible } from './text.js';

/** What was asked for. */
export interface Window {
  readonly since: number | undefined;
  readonly until: number | undefined;
}

/** On a narrow terminal the sum goes first, then the least, then the middle quantiles. */
const EXPENDABLE: Readonly<Partial<Record<(typeof STATISTICS)[number], number>>> = {
  sum: 4,
  min: 3,
  p95: 2,
  p50: 1,
};

/**
 * The answer as people read it.
 *
 * @param width - Columns of the terminal; undefined for no limit.
 */
export function answerAsTable(
  answer: Answer,
  window: Window,
  style: Style,
  width: number | undefined,
): string {
  const { analysis, counts, directory } = answer;
  if (counts.files === 0 && counts.unreadable.length === 0) {
    return `No shard was found: looked for cfn-metrics-*.jsonl in ${visible(directory)}\n`;
  }
  const lines = [style.dim(headline(answer, window)), ''];
  if (analysis.groups.length > 0) {
    lines.push(...tableLines(columns(answer), width, style.bold), '');
  }
  lines.push(...footer(answer).map(style.dim));
  return `${lines.join('\n')}\n`;
}

function headline({ analysis, directory }: Answer, window: Window): string {
  const { since, until } = analysis;
  const where = visible(directory);
  if (window.since === undefined && window.until === undefined) {
    if (since === null || until === null) return `Everything in ${where}`;
    const length = formatDuration(Date.parse(until) - Date.parse(since));
    return `Everything in ${where}: ${seconds(since)} to ${seconds(until)}, ${length} (--since 5m for less)`;
  }
  const from = window.since === undefined ? 'Up to' : `Since ${seconds(since!)}`;
  const to =
    window.until === undefined ? '' : ` ${window.since === undefined ? '' : 'until '}${seconds(until!)}`;
  return `${from}${to}, in ${where}`;
}

/** `2026-11-21 20:12:43Z` */
function seconds(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')}Z`;
}

function columns(answer: Answer): Column[] {
  const { groups } = answer.analysis;
  const keys = keysBesideMetric(answer).map((key) => ({
    title: key.replace(/^attr:/, ''),
    cells: groups.map((group) => visible(keyOf(group, key) ?? '-')),
  }));
  const all: Column[] = [
    { title: 'metric', cells: groups.map(({ metric }) => visible(metric)) },
    ...keys.map(({ title, cells }) => ({ title: visible(title), cells })),
  ];
  if (groups.some(({ unit }) => unit !== undefined)) {
    all.push({ title: 'unit', cells: groups.map(({ unit }) => visible(unit ?? '')) });
  }
  for (const name of STATISTICS) {
    // A gauge's values add up to nothing; the sum is what a counter is about.
    if (name === 'sum' && !groups.some(isTotal)) continue;
    all.push({
      title: name,
      number: true,
      expendable: EXPENDABLE[name],
      cells: groups.map((group) => cell(group, name)),
    });
  }
  return all;
}

function isTotal({ type }: Group): boolean {
  return type === 'counter' || type === 'updowncounter';
}

function cell(group: Group, name: (typeof STATISTICS)[number]): string {
  const value = group[name];
  if (value === null || (name === 'sum' && group.type === 'gauge')) return '-';
  return `${!group.exact && name.startsWith('p') ? '~' : ''}${formatNumber(value)}`;
}

function footer({ analysis, counts }: Answer): string[] {
  const { groups, records, dropped } = analysis;
  const { files, torn, foreign, unreadable } = counts;
  const skipped = torn + foreign;
  const details = skipped === 0 ? '' : ` (${torn} torn, ${foreign} foreign)`;
  const lines = [
    `${counted(records, 'record')} in ${counted(files, 'file')}, ${counted(skipped, 'line')} skipped${details}, ` +
      `${formatNumber(dropped)} dropped by writers`,
  ];
  if (unreadable.length > 0) lines.push(`${counted(unreadable.length, 'file')} not read; see above`);
  const nan = groups.reduce((total, group) => total + group.nan, 0);
  if (nan > 0) lines.push(`${counted(nan, 'value')} NaN, counted nowhere else`);
  if (groups.some((group) => !group.exact)) lines.push('~ estimated from the buckets of a histogram');
  return lines;
}
