import { milliseconds } from '../arguments.js';
import { plot } from './plot.js';
import { type Moment, PROCESSES, type ProcessSample } from './samples.js';
import { descriptorGrowth, judge } from './verdict.js';

/** The first hour at most: for so long V8 still compiles what a companion does rarely, and keeps what it compiled. */
const WARM_UP_MS = 3_600_000;
/** Growth is judged from a run that measured for this long: nothing that grows by 10 MiB a day shows in less. */
const ENOUGH_MS = 900_000;

/** A run, and what it is judged by. */
export interface Run {
  readonly moments: readonly Moment[];
  readonly durationMs: number;
  readonly warmUpMs: number;
}

/** How long a run warms up: what was asked for, else an hour or a third of it. */
export function warmUp(usage: string, durationMs: number, text: string | undefined): number {
  return text === undefined ? Math.min(WARM_UP_MS, durationMs / 3) : milliseconds(usage, '--warm-up', text);
}

/**
 * Says how everything grew after the warm-up, in one run or several together, and what of that must not be.
 *
 * @param limitMiB - What memory may grow by in a day.
 */
export function growthOf(
  runs: readonly Run[],
  limitMiB: number,
): { readonly lines: string[]; readonly failures: string[] } {
  const measured = runs.map(({ moments, warmUpMs }) => moments.filter(({ time }) => time * 1000 > warmUpMs));
  const judged = runs.every(({ durationMs, warmUpMs }) => durationMs - warmUpMs >= ENOUGH_MS);
  const failures: string[] = [];
  const lines = judged ? [] : ['what follows is not judged: less than a quarter of an hour was measured'];
  lines.push(
    `growth a day, from ${measured.flat().length} measurements after the warm-up, with 95 % confidence on each side:`,
  );
  for (const { name, unit, trend, verdict } of judge(measured, limitMiB)) {
    const bounds = `${signed(trend.perDay)} (${signed(trend.atLeastPerDay)} … ${signed(trend.atMostPerDay)}) ${unit}`;
    const worth = `mean ${show(trend.mean)}, worth ${trend.effective.toFixed(0)} independent measurements`;
    if (trend.samples === 0) continue;
    const meaning = verdict === undefined ? '' : `  ${verdict} ${limitMiB} MiB`;
    lines.push(`  ${name.padEnd(28)} ${bounds.padEnd(40)}${meaning}  (${worth})`);
    if (judged && verdict !== undefined && verdict !== 'below')
      failures.push(`${name} is not known to grow by less than ${limitMiB} MiB a day`);
  }
  for (const { name, first, last } of measured.flatMap(descriptorGrowth)) {
    lines.push(
      `  ${`${name}: descriptors`.padEnd(28)} ${first} at least in the first quarter, ${last} in the last`,
    );
    if (judged && last > first) failures.push(`${name} holds ${last - first} descriptors more at the end`);
  }
  return { lines, failures };
}

/** Draws a run; what is warm-up is grey. */
export function picture({ moments, durationMs, warmUpMs }: Run): string {
  const line = (name: string, value: (moment: Moment) => number | undefined) => ({
    name,
    points: moments.flatMap((moment) => {
      const found = value(moment);
      return found === undefined ? [] : [[moment.time / 60, found] as const];
    }),
  });
  const each = (key: keyof ProcessSample) =>
    PROCESSES.map((name) => line(name, ({ processes }) => processes[name][key])).filter(
      ({ points }) => points.length > 0,
    );
  return plot(
    [
      { title: 'Memory in use after a garbage collection, MiB', lines: each('live') },
      { title: "Written to outside of V8's heap, MiB", lines: each('outside') },
      { title: 'Resident memory, MiB', lines: each('rss') },
      { title: 'Of this, without pages of files, MiB', lines: each('anonymous') },
      { title: 'And after V8 gave back what it does not need, MiB', lines: each('lasting') },
      { title: 'Open descriptors', lines: each('descriptors') },
      {
        title: 'Disks, MiB',
        lines: [line('RAM disk', ({ ramMiB }) => ramMiB), line('archive', ({ archiveMiB }) => archiveMiB)],
      },
      { title: 'Lag, seconds', lines: each('lag') },
    ].filter(({ lines }) => lines.length > 0),
    durationMs / 60_000,
    warmUpMs / 60_000,
  );
}

/** A number with one digit behind the point. */
export function show(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(1);
}

function signed(value: number): string {
  return Number.isNaN(value) ? '?' : `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
}
