import { integerOption, timeOption } from '../options.js';
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
    since: timeOption('since', since) ?? -Infinity,
    until: timeOption('until', until) ?? Infinity,
    latenessMs: integerOption('maxLatenessMs', maxLatenessMs, 60_000, { min: 0 }),
  };
}
