import { visible } from '../visible.js';

/** A text with at most so many characters, with `…` where something is missing; no character is cut in two. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  return `${text.slice(0, Math.max(0, max - 1)).replace(/[\uD800-\uDBFF]$/, '')}…`.toWellFormed();
}

/** A stranger's text as one short line that no terminal obeys. */
export function plain(text: string, max: number): string {
  return cut(visible(cut(text.replace(/\s+/g, ' ').trim(), max)), max);
}

/** A number for people: four digits, as 70.1 and not 70.10000000000001, and whole ones as they are. */
export function formatNumber(value: number | null): string {
  if (value === null) return '';
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

/** Unix milliseconds as RFC 3339. */
export function isoTime(time: number): string {
  return new Date(time).toISOString();
}
