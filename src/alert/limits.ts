import { MetricsError } from '../errors.js';
import { shown } from '../options.js';

/**
 * Limits of the rules out of the box; every field is optional.
 *
 * @public
 */
export interface AlertLimits {
  /**
   * Milliseconds that coordination may take on average.
   *
   * @defaultValue 10,000
   */
  readonly coordinationTimeMs?: number | undefined;
  /**
   * Part of the messages that has to arrive, 0 to 1.
   *
   * @defaultValue 0.9
   */
  readonly deliveryRate?: number | undefined;
  /**
   * Megabytes of memory that an agent may use.
   *
   * @defaultValue 1000
   */
  readonly memoryMb?: number | undefined;
  /**
   * Seconds that the archive may be behind: more than lies between two syncs. The command takes a minute more than that, where
   * `syncInterval` makes it more than the default.
   *
   * @defaultValue 900
   */
  readonly archiveLagSeconds?: number | undefined;
}

/** {@link AlertLimits}, checked. */
export type CheckedLimits = Readonly<Record<keyof AlertLimits, number>>;

export const DEFAULT_ARCHIVE_LAG_SECONDS = 900;

const DEFAULTS: CheckedLimits = {
  ...{ coordinationTimeMs: 10_000, deliveryRate: 0.9, memoryMb: 1000 },
  archiveLagSeconds: DEFAULT_ARCHIVE_LAG_SECONDS,
};

/** Checks limits, and fills in what was not said. */
export function readLimits(limits: AlertLimits): CheckedLimits {
  const checked: Record<keyof AlertLimits, number> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof AlertLimits)[]) {
    const value: unknown = limits[name];
    if (value === undefined) continue;
    const most = name === 'deliveryRate' ? 1 : Number.MAX_VALUE;
    if (typeof value !== 'number' || !(value > 0 && value <= most)) {
      const expected = name === 'deliveryRate' ? 'a number above 0 and at most 1' : 'a number above 0';
      throw new MetricsError('ERR_METRICS_OPTION', `${name} must be ${expected}, got ${shown(value)}`);
    }
    checked[name] = value;
  }
  return checked;
}
