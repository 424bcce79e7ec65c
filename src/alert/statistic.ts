/** The statistics of a window that have a name of their own. */
export const STATISTICS = [
  'avg',
  'min',
  'max',
  'first',
  'last',
  'count',
  'sum',
  'stddev',
  'rate',
  'increase',
  'delta',
  'growth',
] as const;

/**
 * A statistic that rules can compare: one of the names, or a quantile such as `p95` or `p99.9`.
 *
 * @public
 */
export type Statistic = (typeof STATISTICS)[number] | `p${number}`;

const QUANTILE = /^p(\d{1,2}(?:\.\d{1,6})?|100)$/;

/** Whether a text names a statistic. */
export function isStatistic(text: unknown): text is Statistic {
  return typeof text === 'string' && (STATISTICS.some((name) => name === text) || QUANTILE.test(text));
}

/** The quantile, 0 to 1, that a statistic is; undefined where it is none. */
export function quantileOf(statistic: Statistic): number | undefined {
  const percent = QUANTILE.exec(statistic)?.[1];
  return percent === undefined ? undefined : Number((Number(percent) / 100).toPrecision(12));
}
