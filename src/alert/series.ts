/** Samples that a test may have in one series. */
const MAX_SAMPLES = 100_000;
const NUMBER = String.raw`[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf|NaN)`;
const PART = new RegExp(`^(${NUMBER}|_)(?:([+-](?:\\d+(?:\\.\\d+)?))?x(\\d{1,6}))?$`);

/**
 * Reads samples as promtool writes them: `1 2 3`, `1x3` (1 and three more), `1+2x3` (1 3 5 7), `_` (none), `_x3` (three
 * times none), `stale` (none).
 *
 * @returns A sample an interval, null where there is none; undefined where the text is nothing of this.
 */
export function parseSamples(text: string): (number | null)[] | undefined {
  const samples: (number | null)[] = [];
  for (const part of text.trim().split(/\s+/)) {
    if (part === 'stale') {
      samples.push(null);
      continue;
    }
    const [, first, step = '0', times] = PART.exec(part) ?? [];
    if (first === undefined || (first === '_' && step !== '0')) return undefined;
    const count = times === undefined ? 1 : first === '_' ? Number(times) : Number(times) + 1;
    if (samples.length + count > MAX_SAMPLES) return undefined;
    const start = first === '_' ? null : Number(first.replace('Inf', 'Infinity'));
    for (let i = 0; i < count; i += 1) samples.push(start === null ? null : start + i * Number(step));
  }
  return samples;
}
