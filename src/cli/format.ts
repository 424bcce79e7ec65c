/**
 * A number as a table shows it: whole numbers whole, others with four significant digits.
 *
 * @param value - Any number; NaN and the infinities as JavaScript writes them.
 */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return `${value}`;
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return value.toExponential(3).replace('e+', 'e');
  if (Number.isInteger(value)) return `${value}`;
  if (size >= 1000) return value.toFixed(0);
  // through Number, so that 12.50 is 12.5 and 99.996 is 100
  return `${Number(value.toPrecision(4))}`;
}

/** A number of bytes, such as `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Number(size.toPrecision(size >= 100 ? 4 : 3))} ${units[unit]!}`;
}

/** A length of time in its two largest units, such as `2 h 7 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toPrecision(3))} s`;
  const [large, small, ratio] =
    ms < 3_600_000
      ? (['min', 's', 60] as const)
      : ms < 86_400_000
        ? (['h', 'min', 60] as const)
        : (['d', 'h', 24] as const);
  const smallMs = { s: 1000, min: 60_000, h: 3_600_000 }[small];
  const total = Math.floor(ms / smallMs);
  const rest = total % ratio;
  return `${Math.floor(total / ratio)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** A count and its noun, such as `1 line` or `3 lines`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A number for JSON, which has no NaN and no infinity: those are strings, as in records. */
export function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : `${value}`;
}

/** A row of CSV after RFC 4180, line end included. */
export function csvRow(cells: readonly (string | number | boolean)[]): string {
  return `${cells.map((cell) => (typeof cell === 'string' ? csvText(cell) : `${cell}`)).join(',')}\r\n`;
}

/** What begins like a formula is one to a spreadsheet, and records are written by strangers: an apostrophe disarms it. */
function csvText(text: string): string {
  const disarmed = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(disarmed) ? `"${disarmed.replaceAll('"', '""')}"` : disarmed;
}
