import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import type { TimeRange } from './chunks.js';

/** What readers are told of a time range. */
interface RangeOptions {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly maxLatenessMs?: number | undefined;
}

/**
 * Reads the time range.
 *
 * @remarks
 * No comparison holds for NaN: a range from or to it would be everything to one reader, and nothing to another.
 *
 * @throws MetricsError `ERR_METRICS_OPTION`
 */
export function rangeOption({ since, until, maxLatenessMs }: RangeOptions): TimeRange {
  return {
    since: milliseconds('since', since, 'Unix milliseconds') ?? -Infinity,
    until: milliseconds('until', until, 'Unix milliseconds') ?? Infinity,
    latenessMs: milliseconds('maxLatenessMs', maxLatenessMs, 'milliseconds') ?? 60_000,
  };
}

function milliseconds(name: string, value: unknown, what: string): number | undefined {
  if (value === undefined || (typeof value === 'number' && !Number.isNaN(value))) return value;
  throw new MetricsError('ERR_METRICS_OPTION', `${name} must be ${what}, got ${shown(value)}`);
}
