import type { Over } from '../analyze/ranking.js';
import { isOverflow } from './answer-columns.js';
import type { Answer } from './answer.js';
import { counted, formatNumber } from './format.js';
import { visible } from './text.js';

/** What stands below the table: what it is of, and what one must know of it. */
export function notes(answer: Answer): string[] {
  const { analysis, counts } = answer;
  const { groups, over = [], mixed, records, ahead = 0, dropped } = analysis;
  const { files, torn, foreign, unreadable } = counts;
  const skipped = torn + foreign;
  const details = skipped === 0 ? '' : ` (${torn} torn, ${foreign} foreign)`;
  const lines = [
    ...over.map(overLine),
    `${counted(records, 'record')} in ${counted(files, 'file')}, ${counted(skipped, 'line')} skipped${details}, ` +
      `${formatNumber(dropped)} dropped by writers`,
  ];
  if (unreadable.length > 0) lines.push(`${counted(unreadable.length, 'file')} not read whole; see above`);
  if (ahead > 0) lines.push(aheadLine(ahead));
  const nan = groups.reduce((total, group) => total + group.nan, 0);
  if (nan > 0) lines.push(`${counted(nan, 'value')} NaN, counted nowhere else`);
  if (mixed.length > 0) {
    lines.push(`${visible(mixed.join(', '))}: in several types or units, which are kept apart`);
  }
  const estimated = groups.filter(({ exact }) => !exact);
  const folded = estimated.filter(({ type }) => !type.endsWith('histogram'));
  if (estimated.length > folded.length) {
    lines.push('~ estimated from the buckets of a histogram, at most ± off');
  }
  if (folded.length > 0) {
    lines.push(
      `~ of ${counted(folded.length, 'group')} not exact but at most ± off: more values than --max-memory has room for`,
    );
  }
  if (groups.some(isOverflow)) lines.push('(rest): more groups than --max-memory has room for, as one');
  return lines;
}

/** What was left out because its time has not come. */
export function aheadLine(ahead: number): string {
  return `${counted(ahead, 'record')} more than a minute ahead of this clock, left out; a later --until takes them`;
}

function overLine({ metric, unit, by, limit, groups, over, percent }: Over): string {
  const share = percent === null ? '' : ` (${formatNumber(percent)} %)`;
  const amount = `${formatNumber(limit)}${unit === undefined ? '' : ` ${unit}`}`;
  return visible(`${metric}: ${over} of ${counted(groups, 'group')}${share} with ${by} over ${amount}`);
}
