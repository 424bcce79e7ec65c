import { fitText, textWidth } from './text.js';

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers are aligned right, text left. */
  readonly number?: boolean | undefined;
  /** Whether the whole column may go when the table is too wide: the highest goes first. */
  readonly expendable?: number | undefined;
  readonly cells: readonly string[];
}

/** Text columns are not cut shorter than this while a column can go in their place. */
const GOOD_TEXT = 16;
/** And never shorter than this. */
const MIN_TEXT = 8;
const GAP = '  ';

/**
 * Lays out a table.
 *
 * @param columns - The columns, all with as many cells; what a terminal would obey was escaped before.
 * @param width - Columns that the terminal has; undefined for no limit.
 * @param heading - Styles the heading.
 * @returns The lines. Where they would be too wide, expendable columns are left out, then text is cut with `…`; then the
 * lines are, so that none runs over into the next.
 */
export function tableLines(
  columns: readonly Column[],
  width: number | undefined,
  heading: (text: string) => string,
): string[] {
  const limit = width ?? Infinity;
  const { shown, widths } = fit(columns, limit);
  const rows = shown[0]?.cells.length ?? 0;
  const line = (cell: (column: Column) => string): string =>
    fitText(
      shown
        .map((column, i) => pad(fitText(cell(column), widths[i]!), widths[i]!, column.number === true))
        .join(GAP)
        .trimEnd(),
      limit,
    );
  const lines = [heading(line(({ title }) => title))];
  for (let row = 0; row < rows; row += 1) lines.push(line(({ cells }) => cells[row]!));
  return lines;
}

function fit(columns: readonly Column[], limit: number): { shown: Column[]; widths: number[] } {
  const shown = [...columns];
  const widths = shown.map(({ title, cells }) => Math.max(textWidth(title), widest(cells)));
  const excess = (): number => sum(widths) + GAP.length * (widths.length - 1) - limit;
  const least = (): number =>
    sum(widths.map((width, i) => (shown[i]!.number === true ? 0 : Math.max(0, width - GOOD_TEXT))));
  while (excess() > least()) {
    const victim = mostExpendable(shown);
    if (victim < 0) break;
    shown.splice(victim, 1);
    widths.splice(victim, 1);
  }
  for (let over = excess(); over > 0; over -= 1) {
    const cut = widestText(shown, widths);
    if (cut < 0) break;
    widths[cut]! -= 1;
  }
  return { shown, widths };
}

/** One by one: spreading a hundred thousand cells over the arguments of a call would overflow its stack. */
function widest(cells: readonly string[]): number {
  let most = 0;
  for (const cell of cells) most = Math.max(most, textWidth(cell));
  return most;
}

function mostExpendable(columns: readonly Column[]): number {
  let found = -1;
  let most = -Infinity;
  for (const [i, { expendable }] of columns.entries()) {
    if (expendable === undefined || expendable <= most) continue;
    most = expendable;
    found = i;
  }
  return found;
}

function widestText(columns: readonly Column[], widths: readonly number[]): number {
  let found = -1;
  let most = MIN_TEXT;
  for (const [i, { number }] of columns.entries()) {
    if (number === true || widths[i]! <= most) continue;
    most = widths[i]!;
    found = i;
  }
  return found;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function pad(text: string, width: number, right: boolean): string {
  const blank = ' '.repeat(Math.max(0, width - textWidth(text)));
  return right ? blank + text : text + blank;
}
