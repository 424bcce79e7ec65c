/** How many values a trend has at most. */
export const TREND_LENGTH = 20;

const BARS = '▁▂▃▄▅▆▇█';

/** The last values of each row, one a second. */
export class Trends {
  #values = new Map<string, readonly (number | null)[]>();

  /** Adds a value to the trend of each row; rows that are gone are forgotten. */
  add(values: Iterable<readonly [row: string, value: number | null]>): void {
    const next = new Map<string, readonly (number | null)[]>();
    for (const [row, value] of values) {
      next.set(row, [...(this.#values.get(row) ?? []), value].slice(-TREND_LENGTH));
    }
    this.#values = next;
  }

  /** The values of a row, the newest last. */
  of(row: string): readonly (number | null)[] {
    return this.#values.get(row) ?? [];
  }
}

/** Values as bars from the smallest to the largest of them; a gap where there is none. */
export function sparkline(values: readonly (number | null)[]): string {
  const numbers = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const bars = values.map((value) => {
    if (value === null || !Number.isFinite(value)) return ' ';
    // Halves, because the distance of two doubles may be more than the largest double.
    const height = high === low ? 0.5 : (value / 2 - low / 2) / (high / 2 - low / 2);
    return BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))];
  });
  return bars.join('').padStart(TREND_LENGTH);
}
