/** What the rows are: all metrics, the agents of one metric, or the metrics of one agent. */
export type View =
  | { readonly kind: 'metrics' }
  | { readonly kind: 'agents'; readonly metric: string }
  | { readonly kind: 'agent'; readonly agent: string };

/** What rows can be sorted by. */
export const SORTS = ['name', 'rate', 'avg', 'p50', 'p95', 'p99', 'max'] as const;

/** One of {@link SORTS}. */
export type Sort = (typeof SORTS)[number];

/** What a person has chosen to see. */
export interface Choice {
  /** From the first view to the one that is shown. */
  readonly views: readonly [View, ...View[]];
  readonly sort: Sort;
  readonly reversed: boolean;
  /** Text that a name must have in it; empty for all. */
  readonly filter: string;
  /** Whether keys go into the filter. */
  readonly typing: boolean;
  readonly paused: boolean;
  /** Index of the row that is marked. */
  readonly row: number;
}

/** A key as node:readline names it. */
export interface Key {
  readonly name?: string | undefined;
  readonly sequence?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly shift?: boolean | undefined;
}

/** What is shown at first. */
export const FIRST_CHOICE: Choice = {
  views: [{ kind: 'metrics' }],
  sort: 'name',
  reversed: false,
  filter: '',
  typing: false,
  paused: false,
  row: 0,
};

const MAX_FILTER_CHARS = 100;

/** The view that is shown. */
export function viewOf({ views }: Choice): View {
  return views.at(-1)!;
}

/**
 * What is chosen after a key.
 *
 * @param rows - Names of the rows as they stand on the screen, metrics or agents.
 * @param page - How many of them fit on it.
 * @returns `'quit'` where that was asked for.
 */
export function afterKey(choice: Choice, key: Key, rows: readonly string[], page: number): Choice | 'quit' {
  if (key.ctrl === true && (key.name === 'c' || key.name === 'd')) return 'quit';
  if (choice.typing) return whileTyping(choice, key);
  const row = moved(Math.min(choice.row, rows.length - 1), key, rows.length, page);
  if (row !== undefined) return { ...choice, row: Math.max(0, Math.min(row, rows.length - 1)) };
  switch (key.sequence) {
    case 'q':
      return 'quit';
    case 's':
      return { ...choice, sort: SORTS[(SORTS.indexOf(choice.sort) + 1) % SORTS.length]!, reversed: false };
    case 'S':
      return { ...choice, sort: SORTS.at(SORTS.indexOf(choice.sort) - 1)!, reversed: false };
    case 'r':
      return { ...choice, reversed: !choice.reversed };
    case '/':
      return { ...choice, typing: true, row: 0 };
    case 'p':
    case ' ':
      return { ...choice, paused: !choice.paused };
    default:
      return otherwise(choice, key, rows);
  }
}

function otherwise(choice: Choice, key: Key, rows: readonly string[]): Choice {
  if (key.name === 'return' || key.name === 'enter' || key.name === 'right') return opened(choice, rows);
  if (key.name === 'escape' || key.name === 'backspace' || key.name === 'left') return back(choice);
  return choice;
}

/** The row that a key leads to; undefined for any other key. */
function moved(row: number, { name, sequence }: Key, rows: number, page: number): number | undefined {
  if (name === 'up' || sequence === 'k') return row - 1;
  if (name === 'down' || sequence === 'j') return row + 1;
  if (name === 'pageup') return row - page;
  if (name === 'pagedown') return row + page;
  if (name === 'home' || sequence === 'g') return 0;
  if (name === 'end' || sequence === 'G') return rows - 1;
  return undefined;
}

function whileTyping(choice: Choice, { name, sequence = '' }: Key): Choice {
  if (name === 'return' || name === 'enter') return { ...choice, typing: false };
  if (name === 'escape') return { ...choice, typing: false, filter: '' };
  if (name === 'backspace') return { ...choice, filter: choice.filter.slice(0, -1) };
  // Other keys send escape sequences, which are no text to look for.
  if (sequence < ' ' || sequence === '\x7f' || choice.filter.length >= MAX_FILTER_CHARS) return choice;
  return { ...choice, filter: choice.filter + sequence };
}

function opened(choice: Choice, rows: readonly string[]): Choice {
  const name = rows[Math.min(choice.row, rows.length - 1)];
  const { kind } = viewOf(choice);
  if (name === undefined || kind === 'agent') return choice;
  const view: View = kind === 'metrics' ? { kind: 'agents', metric: name } : { kind: 'agent', agent: name };
  return { ...choice, views: [...choice.views, view], filter: '', row: 0 };
}

function back(choice: Choice): Choice {
  const [first, ...others] = choice.views;
  return choice.filter === ''
    ? { ...choice, views: [first, ...others.slice(0, -1)], row: 0 }
    : { ...choice, filter: '', row: 0 };
}
