import type { MetricRecord } from '../record.js';
import type { StatisticName } from './statistics.js';

/**
 * What tells groups apart, beside metric, type and unit: `agent`, `shard`, or the attribute of a name. `metric` may be
 * said and adds nothing.
 *
 * @public
 */
export type GroupKey = 'metric' | 'agent' | 'shard' | `attr:${string}`;

/**
 * The number that groups are compared by: a statistic, or a quantile such as `p99.9`.
 *
 * @public
 */
export type Ranking = StatisticName | `p${number}`;

/**
 * What {@link analyze} can be told; every field is optional.
 *
 * @public
 */
export interface AnalyzeOptions {
  /**
   * Unix milliseconds of the first record that counts, itself included.
   *
   * @defaultValue no limit
   */
  readonly since?: number | undefined;
  /**
   * Unix milliseconds before which the last record that counts was appended, itself excluded: windows that follow one
   * another have no record in common.
   *
   * @defaultValue no limit
   */
  readonly until?: number | undefined;
  /**
   * Unix milliseconds of the present: where there is `since` and no `until`, the window is as long as from `since` to
   * then, or to a later record. One that is more than a minute ahead of it does not count, unless `since` is ahead
   * as well: one clock that was put back would stretch the window, and all rates would fall.
   *
   * @defaultValue the time of the latest record that counts; none is ahead of it
   */
  readonly now?: number | undefined;
  /**
   * Metrics that count, as patterns: `*` stands for any characters, `?` for one. A metric counts when one of them
   * matches all of its name; an empty list matches none.
   *
   * @defaultValue all
   */
  readonly metrics?: readonly string[] | undefined;
  /**
   * Agents that count. `42`, `'42'` and `'agent-42'` are one agent; an empty list is none.
   *
   * @defaultValue all
   */
  readonly agents?: readonly (string | number)[] | undefined;
  /**
   * What tells groups apart, beside metric, type and unit.
   *
   * @defaultValue `['metric']`
   */
  readonly groupBy?: readonly GroupKey[] | undefined;
  /** The shard of a record, which records do not tell; needed to group by shard. */
  readonly shardOf?: ((record: MetricRecord) => number) | undefined;
  /**
   * Quantiles beside p50, p90, p95 and p99, from 0 to 1.
   *
   * @defaultValue none
   */
  readonly quantiles?: readonly number[] | undefined;
  /**
   * Milliseconds of the time buckets that each group is cut into: a series a group. They begin at multiples of it since
   * 1970-01-01T00:00:00Z; those without a record are left out.
   *
   * @defaultValue one bucket for all the time
   */
  readonly stepMs?: number | undefined;
  /**
   * How many groups to keep, those with the largest number first: so many of each metric, or where they are grouped by
   * the metric alone so many of all. With `stepMs` a group is kept or left out with all of its buckets, by the largest.
   *
   * @defaultValue all
   */
  readonly top?: { readonly n: number; readonly by: Ranking } | undefined;
  /**
   * A limit: the answer says how many groups of each metric are over it, counted before `top` leaves any out.
   *
   * @defaultValue none
   */
  readonly over?: { readonly limit: number; readonly by: Ranking } | undefined;
  /**
   * Bytes that the values of all groups may take, from 1 MiB. Where they would take more, those of the largest groups
   * are folded into exponential buckets 0.27 % wide: their quantiles are no longer exact, everything else is.
   *
   * @defaultValue 268,435,456
   */
  readonly maxMemoryBytes?: number | undefined;
}
