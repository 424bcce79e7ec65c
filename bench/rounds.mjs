import { cpus } from 'node:os';

/**
 * Times functions in interleaved rounds, so that whatever else the machine does hits all of them alike.
 *
 * @param {Record<string, () => void>} cases What to time, by name; each runs `operations` operations.
 * @param {{ operations: number, rounds: number, after?: () => void }} options
 * @returns {Record<string, number[]>} Microseconds per operation, a figure a round.
 */
export function interleave(cases, { operations, rounds, after }) {
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(cases)) {
      const start = process.hrtime.bigint();
      run();
      const micros = Number(process.hrtime.bigint() - start) / 1000 / operations;
      after?.();
      // the first round only warms up
      if (round >= 0) times[name].push(micros);
    }
  }
  return times;
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The median of the ratios of two cases, round by round.
 *
 * @param {number[]} times
 * @param {number[]} base
 */
export function ratio(times, base) {
  return median(times.map((time, round) => time / base[round]));
}

/** One line that names what the figures were measured on. */
export function machine() {
  const [cpu] = cpus();
  return `Node ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown processor'}, ${process.platform}`;
}

/**
 * Prints a table of medians with their spread, and the ratio of each case to a base.
 *
 * @param {Record<string, number[]>} times
 * @param {string} base
 * @param {string} unit
 */
export function report(times, base, unit = 'µs') {
  const width = Math.max(...Object.keys(times).map((name) => name.length));
  console.log(
    `${''.padEnd(width)}  ${`median ${unit}`.padStart(12)}  ${'min - max'.padStart(19)}  ratio to ${base}`,
  );
  for (const [name, values] of Object.entries(times)) {
    const spread = `${Math.min(...values).toFixed(2)} - ${Math.max(...values).toFixed(2)}`;
    const figures = [
      median(values).toFixed(2).padStart(12),
      spread.padStart(19),
      ratio(values, times[base]).toFixed(2),
    ];
    console.log(`${name.padEnd(width)}  ${figures.join('  ')}`);
  }
}
