import { type Growth, type Sample, together, trend } from '../trend.js';
import { PROCESSES, type Moment } from './samples.js';

/** What a growth is judged to be. */
export type Verdict = 'below' | 'above' | 'not told';

/** A growth, and what it means. */
export interface Judged {
  readonly name: string;
  readonly unit: string;
  readonly trend: Growth;
  /** Nothing where nothing is asked of it. */
  readonly verdict?: Verdict;
}

/** Of what was measured for so long, one counts. */
const SPAN_SECONDS = 180;
/** Between two measurements of memory. */
const INTERVAL_SECONDS = 30;

/** How memory of all companions, and the rest, grows, as one run or several together say. */
export function judge(runs: readonly (readonly Moment[])[], limitMiB: number): Judged[] {
  const growth = (
    value: (moment: Moment) => number | undefined,
    chosen = (all: Sample[]): Sample[] => all,
  ): Growth => together(runs.map((moments) => trend(chosen(samplesOf(moments, value)))));
  const ofEach = (called: string, key: 'live' | 'outside' | 'lasting'): Judged[] =>
    PROCESSES.map((name) => ({
      ...{ name: `${name}: ${called}`, unit: 'MiB' },
      trend: growth(({ processes }) => processes[name][key], leasts),
    }));
  const limited = (judged: Judged): Judged => ({ ...judged, verdict: verdictOf(judged.trend, limitMiB) });
  return [
    ...ofEach('resident memory', 'lasting').map(limited),
    // its parts, which say where that is
    ...ofEach('memory in use', 'live'),
    ...ofEach("outside of V8's heap", 'outside'),
    ...PROCESSES.map((name) => ({
      ...{ name: `${name}: lag`, unit: 's', trend: growth(({ processes }) => processes[name].lag) },
    })),
    { name: 'RAM disk', unit: 'MiB', trend: growth(({ ramMiB }) => ramMiB) },
    { name: 'archive', unit: 'MiB', trend: growth(({ archiveMiB }) => archiveMiB) },
  ];
}

function samplesOf(moments: readonly Moment[], value: (moment: Moment) => number | undefined): Sample[] {
  return moments.flatMap((moment) => {
    const found = value(moment);
    return found === undefined ? [] : [{ time: moment.time, value: found }];
  });
}

/**
 * The least of every three minutes: what a companion is just doing, or keeps for a moment, is no growth, and is in one measurement
 * and not in the next. What leaks is in all of them.
 */
function leasts(samples: readonly Sample[]): Sample[] {
  return spans(samples).map((span) =>
    span.reduce((least, sample) => (sample.value < least.value ? sample : least)),
  );
}

/** The measurements of every three minutes that are over. */
function spans(samples: readonly Sample[]): Sample[][] {
  const first = samples[0]?.time ?? 0;
  const last = samples.at(-1)?.time ?? 0;
  const found = new Map<number, Sample[]>();
  for (const sample of samples) {
    const span = Math.floor((sample.time - first) / SPAN_SECONDS);
    if (first + (span + 1) * SPAN_SECONDS > last + INTERVAL_SECONDS) break;
    const known = found.get(span);
    if (known === undefined) found.set(span, [sample]);
    else known.push(sample);
  }
  return [...found.values()];
}

/**
 * Holds a growth against a limit.
 *
 * @remarks
 * Below: with 95 % confidence it is. Above: with 95 % confidence it is not, or it is not shown to be below though the run is
 * long enough to show that of what does not grow at all. Not told: the run is too short, or what is measured too restless,
 * to tell the limit from nothing.
 */
function verdictOf({ perDay, atLeastPerDay, atMostPerDay }: Growth, limit: number): Verdict {
  if (atMostPerDay < limit) return 'below';
  if (atLeastPerDay > limit) return 'above';
  // as wide as this, even a growth of nothing would not be known to be below
  return Number.isNaN(atMostPerDay) || atMostPerDay - perDay >= limit ? 'not told' : 'above';
}

/** How many more descriptors a process has at least in the last quarter than it had at least in the first. */
export function descriptorGrowth(
  moments: readonly Moment[],
): { name: string; first: number; last: number }[] {
  const quarter = Math.floor(moments.length / 4);
  return PROCESSES.map((name) => {
    const least = (some: readonly Moment[]): number =>
      Math.min(...some.map(({ processes }) => processes[name].descriptors ?? Infinity));
    return { name, first: least(moments.slice(0, quarter)), last: least(moments.slice(-quarter)) };
  });
}
