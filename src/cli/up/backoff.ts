const FIRST_MS = 500;
const MOST_MS = 30_000;
/** Who worked for this long before failing begins anew. */
const FORGIVEN_AFTER_MS = 60_000;

/** How often a companion failed in a row, after it failed once more. */
export function failuresInRow(before: number, ranForMs: number): number {
  return ranForMs >= FORGIVEN_AFTER_MS ? 1 : before + 1;
}

/**
 * How long to wait before the next start: half a second, and twice as long with each failure, up to half a minute.
 *
 * @param failures - In a row, from 1.
 */
export function backoffMs(failures: number): number {
  return Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
}
