import { OVERFLOW } from '../analyze/groups.js';
import type { Group } from '../analyze/groups.js';
import { type Answer, keyOf, keysBesideMetric, numberIn, quantileColumns } from './answer.js';
import { formatNumber } from './format.js';
import type { ColumnName } from './question.js';
import type { Column } from './table.js';
import { visible } from './text.js';

/** What the table shows where nobody says. */
const USUAL: readonly ColumnName[] = [
  'count',
  'sum',
  'rate',
  'avg',
  'min',
  'max',
  'p50',
  'p90',
  'p95',
  'p99',
];

/** On a narrow terminal these go, the highest first, until the table fits. */
const EXPENDABLE: Readonly<Partial<Record<ColumnName, number>>> = {
  p90: 7,
  sum: 6,
  min: 5,
  rate: 4,
  p95: 3,
  p50: 2,
  error: 1,
};

/** The columns of the table. */
export function columnsOf(answer: Answer): Column[] {
  const { groups, mixed } = answer.analysis;
  const all: Column[] = [
    { title: 'metric', cells: groups.map(({ metric }) => visible(metric)) },
    ...keysBesideMetric(answer).map((key) => ({
      title: visible(key.replace(/^attr:/, '')),
      cells: groups.map((group) => visible(keyOf(group, key) ?? (isOverflow(group) ? '(rest)' : '-'))),
    })),
  ];
  if (answer.options.stepMs !== undefined) all.push({ title: 'time', cells: timesOf(groups) });
  if (mixed.length > 0) all.push({ title: 'type', cells: groups.map(({ type }) => type) });
  if (groups.some(({ unit }) => unit !== undefined)) {
    all.push({ title: 'unit', cells: groups.map(({ unit }) => visible(unit ?? '')) });
  }
  const asked = answer.columns;
  for (const name of asked ?? usual(answer)) {
    all.push({
      title: name === 'error' ? '±' : name,
      number: true,
      expendable: asked === undefined ? EXPENDABLE[name] : undefined,
      cells: groups.map((group) => cell(group, name)),
    });
  }
  return all;
}

/** Whether a group is what no group of its own could be made for. */
export function isOverflow({ attributes }: Group): boolean {
  return attributes !== undefined && Object.hasOwn(attributes, OVERFLOW);
}

function usual(answer: Answer): ColumnName[] {
  const { groups } = answer.analysis;
  const shown = USUAL.filter((name) => {
    // A gauge's values add up to nothing; the sum is what a counter is about.
    if (name === 'sum') return groups.some(isTotal);
    return name !== 'rate' || groups.some(({ rate }) => rate !== null);
  });
  const error: ColumnName[] = groups.some(({ exact }) => !exact) ? ['error'] : [];
  return [...shown, ...quantileColumns(answer), ...error];
}

function isTotal({ type }: Group): boolean {
  return type === 'counter' || type === 'updowncounter';
}

function cell(group: Group, name: ColumnName): string {
  const value = numberIn(group, name);
  if (value === null || (name === 'sum' && group.type === 'gauge')) return '-';
  if (name === 'error') return group.exact ? '' : formatError(value);
  return `${!group.exact && /^p\d/.test(name) ? '~' : ''}${formatNumber(value)}`;
}

/** A part as a percentage, rounded up, so that it stays a limit. */
function formatError(error: number): string {
  if (error === Infinity) return '∞';
  if (error === 0) return '0%';
  const digits = 10 ** (1 - Math.floor(Math.log10(error * 100)));
  return `${formatNumber(Math.ceil(error * 100 * digits) / digits)}%`;
}

/** The time of day where all are of one day, which the first line names. */
function timesOf(groups: readonly Group[]): string[] {
  const times = groups.map(({ time = '' }) => time);
  const days = new Set(times.map((time) => time.slice(0, 10)));
  const millis = times.every((time) => time.endsWith('.000Z')) ? /\.000/ : /^$/;
  return times.map((time) => {
    const text = time.replace(millis, '');
    return days.size > 1 ? text.replace('T', ' ') : text.slice(11);
  });
}
