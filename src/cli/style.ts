/** Marks text on a terminal; leaves it alone everywhere else. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly red: (text: string) => string;
}

/**
 * The style for stdout: colour on a terminal only, and not where `NO_COLOR` is set (https://no-color.org) or the
 * terminal is a dumb one.
 */
export function outputStyle(): Style {
  const { NO_COLOR: noColor = '', TERM: term } = process.env;
  const colour = process.stdout.isTTY && noColor === '' && term !== 'dumb';
  const paint =
    (code: number) =>
    (text: string): string =>
      colour && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
  return { bold: paint(1), dim: paint(2), green: paint(32), yellow: paint(33), red: paint(31) };
}

/** Columns of the terminal; undefined where stdout is none, or does not say. */
export function outputWidth(): number | undefined {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? columns : undefined;
}
