import { columnsOf } from './answer-columns.js';
import type { Answer } from './answer.js';
import { notes } from './answer-notes.js';
import { formatDuration } from './format.js';
import type { Style } from './style.js';
import { tableLines } from './table.js';
import { visible } from './text.js';

/** What was asked for. */
export interface Window {
  readonly since: number | undefined;
  readonly until: number | undefined;
}

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
    lines.push(...tableLines(columnsOf(answer), width, style.bold), '');
  }
  lines.push(...notes(answer).map(style.dim));
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
