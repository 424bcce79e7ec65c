import { MetricsError } from './errors.js';

/** Bounds of a number option; both ends are allowed values. */
export interface Bounds {
  readonly min: number;
  readonly max?: number;
}

/** Reads a whole-number option, or its default when it is undefined. */
export function integerOption(name: string, value: unknown, fallback: number, bounds: Bounds): number {
  if (value === undefined) return fallback;
  const { min, max = Number.MAX_SAFE_INTEGER } = bounds;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new MetricsError(
    'ERR_METRICS_OPTION',
    `${name} must be a whole number ${range}, got ${shown(value)}`,
  );
}

/** Reads a string option that must be one of a few words, or its default when it is undefined. */
export function wordOption<T extends string>(
  name: string,
  value: unknown,
  fallback: T,
  words: readonly T[],
): T {
  if (value === undefined) return fallback;
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw new MetricsError(
    'ERR_METRICS_OPTION',
    `${name} must be one of ${words.join(', ')}, got ${shown(value)}`,
  );
}

/** A value as an error message shows it: quoted where it is a string, never long, and whatever it is. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : textOf(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** What was thrown, as text with the reason at its end, whatever it is. */
export function thrownText(thrown: unknown): string {
  return textOf(thrown).slice(0, 1000);
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    // without a prototype, with a toString of its own, or nested too deep
    return typeof value;
  }
}
