import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';

/** The longest time that a timer can be set to, in whole days. */
export const LONGEST_TIMER = '24d';

/** The longest time that is compared, and never waited for. */
export const LONGEST_TIME = '100000d';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const BYTES = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])i?B?|B)?$/i;
const BYTE_UNITS = 'KMGT';

/**
 * Reads a length of time, such as `5m` or `1h30m`.
 *
 * @param range - The shortest and the longest that are allowed, as they are written.
 * @returns Milliseconds; undefined where the flag was not given.
 */
export function parseDuration(
  flag: string,
  text: unknown,
  range?: readonly [string, string],
): number | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !DURATION.test(text))
    throw bad(`${flag} must be a time such as 30s, 5m or 1h30m, got ${shown(text)}`);
  const ms = durationOf(text);
  if (range === undefined || (ms >= durationOf(range[0]) && ms <= durationOf(range[1]))) return ms;
  throw bad(`${flag} must be from ${range[0]} to ${range[1]}, got ${shown(text)}`);
}

function durationOf(text: string): number {
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    ms += Number(amount) * UNIT_MS[unit!]!;
  }
  return Math.round(ms);
}

/** A number of bytes, such as `512MiB`, `64M` or `1048576`; undefined where the value is none. K, M, G, T are powers of 1024. */
export function readBytes(value: unknown): number | undefined {
  const [, amount, unit = ''] = BYTES.exec(textOf(value)) ?? [];
  if (amount === undefined) return undefined;
  const bytes = Math.round(Number(amount) * 1024 ** power(unit));
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Reads a number of bytes; undefined where the flag was not given. */
export function parseBytes(flag: string, text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const bytes = readBytes(text);
  if (bytes === undefined) throw bad(`${flag} must be a size such as 512MiB or 1G, got ${shown(text)}`);
  return bytes;
}

/** Reads a whole number; undefined where it was not given. */
export function parseCount(name: string, text: unknown, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d{1,9}$/.test(textOf(text)) ? Number(text) : NaN;
  if (count >= min && count <= max) return count;
  throw bad(`${name} must be a whole number from ${min} to ${max}, got ${shown(text)}`);
}

/** A number, which a config file may have in place of a text, as text. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : '';
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

function power(unit: string): number {
  return unit === '' ? 0 : BYTE_UNITS.indexOf(unit.toUpperCase()) + 1;
}
