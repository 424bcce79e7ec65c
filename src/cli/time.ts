import { MetricsError } from '../errors.js';
import { shown } from '../options.js';

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const WORDS: Readonly<Record<string, keyof typeof UNITS>> = {
  ms: 'ms',
  millisecond: 'ms',
  s: 's',
  sec: 's',
  second: 's',
  m: 'm',
  min: 'm',
  minute: 'm',
  h: 'h',
  hr: 'h',
  hour: 'h',
  d: 'd',
  day: 'd',
  w: 'w',
  week: 'w',
};

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/i;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/gi;
const AGO = /^(an?|\d+(?:\.\d+)?)\s*([a-z]+)\s+ago$/i;
const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;
const UNIX_SECONDS = /^\d{9,11}(?:\.\d+)?$/;
const UNIX_MILLISECONDS = /^\d{12,14}$/;

/** Years 0 to 9999, all that a record can carry. */
const MIN_TIME = Date.parse('0000-01-01T00:00:00.000Z');
const MAX_TIME = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads a point in time as people type it.
 *
 * @param flag - The option, for the error: `--since`.
 * @param text - `30s`, `1h30m`, `5 minutes ago`, `now`, ISO 8601 (UTC unless it has an offset; a date alone is its
 * midnight), Unix seconds or Unix milliseconds.
 * @param now - Unix milliseconds.
 * @returns Unix milliseconds, whole.
 * @throws MetricsError `ERR_METRICS_OPTION` where it is none of these, or outside the years 0 to 9999.
 */
export function parseTime(flag: string, text: string, now: number): number {
  const trimmed = text.trim();
  const time = relative(trimmed, now) ?? iso(trimmed) ?? unix(trimmed);
  if (time !== undefined && time >= MIN_TIME && time <= MAX_TIME) return Math.round(time);
  const hint =
    time !== undefined
      ? 'is outside the years 0 to 9999'
      : /^\d+(\.\d+)?$/.test(trimmed)
        ? `has no unit; try ${trimmed}s or ${trimmed}m`
        : 'is no time; try 30s, "5 minutes ago" or 2026-11-21T20:00:00Z';
  throw new MetricsError('ERR_METRICS_OPTION', `${flag} ${shown(text)} ${hint}`);
}

function relative(text: string, now: number): number | undefined {
  if (/^now$/i.test(text)) return now;
  if (DURATION.test(text)) {
    let time = now;
    for (const [, amount, unit] of text.matchAll(DURATION_PART))
      time -= Number(amount) * UNITS[unit!.toLowerCase()]!;
    return time;
  }
  const [, amount, word] = AGO.exec(text) ?? [];
  if (amount === undefined || word === undefined) return undefined;
  const name = word.toLowerCase();
  const unit = WORDS[name] ?? WORDS[name.replace(/s$/, '')];
  return unit === undefined ? undefined : now - (/^a/i.test(amount) ? 1 : Number(amount)) * UNITS[unit]!;
}

function iso(text: string): number | undefined {
  const match: readonly (string | undefined)[] | null = ISO.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hours, minutes, seconds] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const time = new Date(0);
  // Date.UTC would take the years 0 to 99 for those of the last century.
  time.setUTCFullYear(year!, month! - 1, day);
  time.setUTCHours(hours!, minutes, seconds, Number(`0.${match[7] ?? '0'}`) * 1000);
  // Date carries 30 February over into March; nobody means that.
  const same =
    time.getUTCMonth() === month! - 1 &&
    time.getUTCDate() === day &&
    hours! < 24 &&
    minutes! < 60 &&
    seconds! < 60;
  return same ? time.getTime() - offset(match[8]) : undefined;
}

/** Milliseconds of `Z`, `+01`, `+0100` or `+01:00`. */
function offset(zone: string | undefined): number {
  if (zone === undefined || /^z$/i.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

function unix(text: string): number | undefined {
  if (UNIX_MILLISECONDS.test(text)) return Number(text);
  return UNIX_SECONDS.test(text) ? Number(text) * 1000 : undefined;
}
