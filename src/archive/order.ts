/**
 * Compares two texts by their UTF-16 units, for sort(). Names and dates need no language; localeCompare() loads one, which
 * takes 10 ms.
 */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
