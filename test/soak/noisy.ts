import type { Random } from '../faults/random.js';
import type { Sample } from './trend.js';

const DAY = 86_400;

/** Measurements with noise around a line, that of each depending on the one before by a part. */
export function noisy(random: Random, n: number, perDay: number, noise: number, part = 0): Sample[] {
  let error = 0;
  return Array.from({ length: n }, (_, i) => {
    const normal = Array.from({ length: 12 }, () => random.next()).reduce((a, b) => a + b) - 6;
    error = part * error + noise * normal;
    return { time: i * 10, value: 50 + (perDay * i * 10) / DAY + error };
  });
}
