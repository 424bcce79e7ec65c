/**
 * How often shards are sealed: at midnight UTC or at each full hour.
 *
 * @public
 */
export const ROTATIONS = ['daily', 'hourly'] as const;

/**
 * One of {@link ROTATIONS}.
 *
 * @public
 */
export type Rotation = (typeof ROTATIONS)[number];

const PERIOD_MS: Readonly<Record<Rotation, number>> = { daily: 86_400_000, hourly: 3_600_000 };
/** A record that was made just before the full hour may be stored just after it, and be the first of a new file. */
const STRAGGLER_MS = 2000;

/**
 * Decides whether a live shard is to be sealed.
 *
 * @remarks
 * It remembers nothing: a shard is due when its first record is of an earlier day or hour than now. So a midnight that
 * was slept through is made up for, a clock that goes back seals nothing, and none seals twice.
 *
 * @param shard - When its first record was stored, in Unix milliseconds, and its size.
 * @param policy - How often, and from how many bytes on.
 * @param now - Unix milliseconds.
 */
export function isDue(
  shard: { readonly first: number; readonly bytes: number },
  policy: { readonly rotate: Rotation; readonly rotateBytes?: number | undefined },
  now: number,
): boolean {
  if (shard.bytes === 0) return false;
  if (shard.bytes >= (policy.rotateBytes ?? Infinity)) return true;
  const period = PERIOD_MS[policy.rotate];
  const start = Math.floor(now / period) * period;
  return shard.first < start && now >= start + STRAGGLER_MS;
}
