import type { RecordType } from '../record.js';
import type { Group } from './groups.js';
import type { Ranking } from './options.js';
import { ranked } from './query.js';

/**
 * How many groups of one metric, type and unit are over a limit.
 *
 * @public
 */
export interface Over {
  /** The metric. */
  readonly metric: string;
  /** Kind of its points. */
  readonly type: RecordType;
  /** Unit of its values, where they have one. */
  readonly unit?: string | undefined;
  /** The statistic that was compared. */
  readonly by: Ranking;
  /** The limit that was asked for. */
  readonly limit: number;
  /** Groups that have the statistic; with time buckets, buckets of groups. */
  readonly groups: number;
  /** Those whose statistic is greater than the limit. */
  readonly over: number;
  /** How many that are in a hundred; null where there are no groups. */
  readonly percent: number | null;
}

/** Counts the groups over a limit, by metric, type and unit. */
export function countOver(groups: readonly Group[], limit: number, by: Ranking): readonly Over[] {
  return Array.from(
    byKind(groups, (group) => group),
    ([{ metric, type, unit }, members]) => {
      const values = members.map((group) => ranked(group, by)).filter((value) => value !== null);
      const over = values.filter((value) => value > limit).length;
      const percent = values.length === 0 ? null : (100 * over) / values.length;
      return {
        metric,
        type,
        ...(unit !== undefined && { unit }),
        by,
        limit,
        groups: values.length,
        over,
        percent,
      };
    },
  );
}

/**
 * The groups with the largest numbers, largest first; those without a number after all others.
 *
 * @param series - Groups, each with its time buckets.
 * @param n - How many of each metric, type and unit; of all where that is all they are told apart by.
 */
export function topOf(series: readonly Buckets[], n: number, by: Ranking): readonly Buckets[] {
  const kinds = byKind(series, (buckets) => buckets[0]!);
  // The metrics stay in the order in which they were.
  if (kinds.length < series.length) return kinds.flatMap(([, members]) => largest(members, n, by));
  return largest(series, n, by);
}

/** A group, cut by time. */
type Buckets = readonly Group[];

function largest(series: readonly Buckets[], n: number, by: Ranking): readonly Buckets[] {
  return series
    .map((buckets) => ({ buckets, most: mostOf(buckets, by) }))
    .sort((a, b) => (a.most === b.most ? 0 : b.most - a.most))
    .slice(0, n)
    .map(({ buckets }) => buckets);
}

function mostOf(buckets: Buckets, by: Ranking): number {
  let most = -Infinity;
  for (const group of buckets) most = Math.max(most, ranked(group, by) ?? -Infinity);
  return most;
}

/** Items in the order in which their metric, type and unit come first. */
function byKind<T>(
  items: readonly T[],
  groupOf: (item: T) => Group,
): readonly (readonly [Group, readonly T[]])[] {
  const kinds = new Map<string, [Group, T[]]>();
  for (const item of items) {
    const group = groupOf(item);
    // No metric and no type has a space in it.
    const name = `${group.metric} ${group.type} ${group.unit ?? ''}`;
    const kind = kinds.get(name);
    if (kind === undefined) kinds.set(name, [group, [item]]);
    else kind[1].push(item);
  }
  return [...kinds.values()];
}
