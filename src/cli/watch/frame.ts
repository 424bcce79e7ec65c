import { counted, formatDuration, formatNumber } from '../format.js';
import type { Style } from '../style.js';
import { tableLines } from '../table.js';
import { fitText, textWidth, visible } from '../text.js';
import { type Choice, viewOf } from './choice.js';
import type { Row } from './rows.js';
import { sparkline } from './trends.js';

/** All that a frame shows. */
export interface Picture {
  readonly directory: string;
  readonly time: number;
  readonly windowMs: number;
  readonly rows: readonly Row[];
  readonly trendOf: (row: string) => readonly (number | null)[];
  /** Metrics that come in several types or units. */
  readonly mixed: ReadonlySet<string>;
  readonly agents: number;
  readonly recordsASecond: number;
  readonly dropped: number;
  readonly torn: number;
  readonly foreign: number;
  readonly unreadable: number;
  /** How much later than it was stored a record was read, at most, of late; null where there was none. */
  readonly lagMs: number | null;
}

/** How large the screen is; Infinity where there is none. */
export interface Size {
  readonly columns: number;
  readonly lines: number;
}

/** Lines around the rows: two of the head, one of the table's, two of the foot, and one that stays empty each. */
const LINES_AROUND = 6;

/** How many rows fit on the screen. */
export function pageOf({ lines }: Size): number {
  return Math.max(1, lines - LINES_AROUND);
}

/** The lines of a frame, none longer or more than the screen has room for. */
export function frameLines(picture: Picture, choice: Choice, size: Size, style: Style): string[] {
  const { rows } = picture;
  const page = Math.min(pageOf(size), Math.max(1, rows.length));
  const row = Math.max(0, Math.min(choice.row, rows.length - 1));
  // The marked row stays on the screen, and as few rows as possible move.
  const first = Math.max(0, Math.min(Math.floor(row / page) * page, rows.length - page));
  const shown = rows.slice(first, first + page);
  const fit = (text: string): string => fitText(text, size.columns);
  const interactive = Number.isFinite(size.lines);
  const lines = [
    style.bold(fit(heading(picture, choice))),
    healthLine(picture, style, size.columns),
    '',
    ...(rows.length === 0
      ? [style.dim(fit(nothing(choice)))]
      : table(picture, shown, choice, interactive ? row - first : -1, size, style)),
  ];
  if (!interactive) return lines;
  while (lines.length < size.lines - 1) lines.push('');
  return [...lines.slice(0, size.lines - 1), style.dim(fit(foot(choice, rows.length, first, shown.length)))];
}

function heading({ directory, time, windowMs }: Picture, choice: Choice): string {
  const view = viewOf(choice);
  const what =
    view.kind === 'metrics'
      ? 'all metrics'
      : view.kind === 'agents'
        ? `agents of ${view.metric}`
        : visible(view.agent);
  const paused = choice.paused ? '  PAUSED' : '';
  const clock = new Date(time).toISOString().slice(11, 19);
  return `${what}, last ${formatDuration(windowMs)}, ${visible(directory)}  ${clock}Z${paused}`;
}

function healthLine(picture: Picture, style: Style, columns: number): string {
  const { agents, recordsASecond, dropped, torn, foreign, unreadable, lagMs } = picture;
  const parts: readonly (readonly [text: string, bad: boolean])[] = [
    [counted(agents, 'agent'), false],
    [`${formatNumber(Number(recordsASecond.toPrecision(3)))} records/s`, false],
    [`${dropped} dropped`, dropped > 0],
    [`${torn} torn`, torn > 0],
    ...(foreign > 0 ? [[`${foreign} foreign`, true] as const] : []),
    ...(unreadable > 0 ? [[`${counted(unreadable, 'file')} unreadable`, true] as const] : []),
    ...(lagMs === null ? [] : [[`lag ${formatDuration(Math.max(0, lagMs))}`, lagMs > 5000] as const]),
  ];
  // What is wrong is the last to be cut off where the screen is narrow.
  const shown = [...parts];
  const width = (): number =>
    shown.reduce((sum, [text]) => sum + textWidth(text), 0) + 2 * (shown.length - 1);
  while (shown.length > 1 && width() > columns) {
    const victim = shown.findLastIndex(([, bad]) => !bad);
    shown.splice(victim < 0 ? shown.length - 1 : victim, 1);
  }
  return shown.map(([text, bad]) => (bad ? style.red : style.dim)(fitText(text, columns))).join('  ');
}

function nothing(choice: Choice): string {
  return choice.filter === '' ? 'nothing was stored in this time' : 'nothing has this in its name';
}

function table(
  picture: Picture,
  rows: readonly Row[],
  choice: Choice,
  marked: number,
  { columns }: Size,
  style: Style,
): string[] {
  const { kind } = viewOf(choice);
  const title = (name: string): string =>
    name === choice.sort || (choice.sort === 'name' && (name === 'metric' || name === 'agent'))
      ? `${name}${choice.reversed ? '↑' : '↓'}`
      : name;
  const number = (name: string, cell: (row: Row) => number | null, expendable?: number) => ({
    title: title(name).padStart(7),
    number: true,
    expendable,
    cells: rows.map((row) => shownNumber(cell(row))),
  });
  const lines = tableLines(
    [
      ...(marked < 0
        ? []
        : [{ title: ' ', number: true, cells: rows.map((_, i) => (i === marked ? '>' : ' ')) }]),
      {
        title: title(kind === 'agents' ? 'agent' : 'metric'),
        cells: rows.map((row) => nameOf(row, picture)),
      },
      { title: 'unit', expendable: 3, cells: rows.map(({ group }) => visible(group.unit ?? '')) },
      {
        title: 'trend',
        number: true,
        expendable: 4,
        cells: rows.map(({ key }) => sparkline(picture.trendOf(key))),
      },
      number('rate', ({ rate }) => Number(rate.toPrecision(3))),
      number('avg', ({ group }) => group.avg, 1),
      number('p50', ({ group }) => group.p50),
      number('p95', ({ group }) => group.p95),
      number('p99', ({ group }) => group.p99),
      number('max', ({ group }) => group.max, 2),
      ...(kind === 'metrics' ? [number('agents', ({ agents = 0 }) => agents, 0)] : []),
    ],
    Number.isFinite(columns) ? columns : undefined,
    style.bold,
  );
  return lines.map((line, i) => (i === 0 ? line : markedAt(line, i - 1 === marked, style)));
}

function markedAt(line: string, marked: boolean, style: Style): string {
  return marked ? style.bold(line) : line;
}

/** A metric that comes in several types says which one it is. */
function nameOf({ name, group }: Row, { mixed }: Picture): string {
  return visible(mixed.has(group.metric) ? `${name} (${group.type})` : name);
}

function shownNumber(value: number | null): string {
  return value === null ? '' : formatNumber(value);
}

function foot(choice: Choice, rows: number, first: number, shown: number): string {
  if (choice.typing) return `/${visible(choice.filter)}_  enter: keep, esc: all`;
  const filtered = choice.filter === '' ? '' : ` with "${visible(choice.filter)}"`;
  const part = shown < rows ? `${first + 1}-${first + shown} of ${rows}` : counted(rows, 'row');
  const kind = viewOf(choice).kind;
  const open = kind === 'agent' ? '' : 'enter open  ';
  const back = kind === 'metrics' && choice.filter === '' ? '' : 'esc back  ';
  return `${part}${filtered}  ${open}${back}s sort  r reverse  / filter  p pause  q quit`;
}
