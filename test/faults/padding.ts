/** Lengths of what pads a record; most small, some over several pages. */
export const SIZES: readonly number[] = [
  20, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000, 1500, 3900, 4096, 5000, 8000, 20_000,
];

/** Lengths over several pages. */
export const SPRINT_SIZES: readonly number[] = [6000, 8000, 9000, 12_000];

/** Text that is known from its length, so that whoever reads it knows whether it is whole. */
export function padding(length: number): string {
  return String.fromCharCode(97 + (length % 26)).repeat(length);
}
