/** Groups that are fetched from memory together. */
export const AHEAD = 16;

/** Numbers of 8 bytes in what a processor fetches at a time. */
export const LINE = 8;

/** What was read, or a compiler would leave out the reading. */
const kept = new Float64Array(1);

/**
 * Has what the next groups are made of fetched from memory.
 *
 * @remarks
 * Who looks at all of one group after the other waits for each of them: of ten thousand nothing is in the nearer caches.
 * Here nothing waits for what is read, so that the processor fetches many groups at a time.
 *
 * @param from - The first of the next {@link AHEAD}.
 * @param groups - How many there are.
 * @param read - Reads a number from each line of memory that will be needed of a group, and gives anything.
 */
export function fetchAhead(from: number, groups: number, read: (at: number) => number): void {
  let sum = 0;
  const to = Math.min(from + AHEAD, groups);
  for (let at = from; at < to; at += 1) sum += read(at);
  kept[0] = sum;
}
