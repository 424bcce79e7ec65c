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

/** Within it the archiver is at rest at least once. */
const REST_SECONDS = 300;
/** Between two measurements. */
const INTERVAL_SECONDS = 10;

/** How memory of all companions, and the rest, grows, as one run or several together say. */
export function judge(runs: readonly (readonly Moment[])[], limitMiB: number): Judged[] {
  const of = (value: (moment: Moment) => number | undefined, chosen = everyOne): Growth =>
    together(runs.map((moments) => trend(chosen(samplesOf(moments, value)))));
  const memory = (name: (typeof PROCESSES)[number], key: 'live' | 'rss'): Judged => {
    const found = of(({ processes }) => processes[name][key], name === 'archiver' ? atRest : everyOne);
    return {
      name: `${name}: ${key === 'live' ? 'memory in use' : 'resident memory'}`,
      ...{ unit: 'MiB', trend: found, verdict: verdictOf(found, limitMiB, key === 'live') },
    };
  };
  return [
    ...PROCESSES.map((name) => memory(name, 'live')),
    ...PROCESSES.map((name) => memory(name, 'rss')),
    ...PROCESSES.map((name) => ({
      ...{ name: `${name}: lag`, unit: 's', trend: of(({ processes }) => processes[name].lag) },
    })).filter(({ trend: { samples } }) => samples > 0),
    { name: 'RAM disk', unit: 'MiB', trend: of(({ ramMiB }) => ramMiB) },
    { name: 'archive', unit: 'MiB', trend: of(({ archiveMiB }) => archiveMiB) },
  ];
}

function samplesOf(moments: readonly Moment[], value: (moment: Moment) => number | undefined): Sample[] {
  return moments.flatMap((moment) => {
    const found = value(moment);
    return found === undefined ? [] : [{ time: moment.time, value: found }];
  });
}

function everyOne(samples: readonly Sample[]): readonly Sample[] {
  return samples;
}

/**
 * Of the archiver the least of every five minutes: what it is just doing says nothing of growth. It copies, seals and
 * compresses every few seconds, and measurements come at an interval of their own, so that for minutes nearly all of them
 * may find it at work.
 */
function atRest(samples: readonly Sample[]): readonly Sample[] {
  const first = samples[0]?.time ?? 0;
  const last = samples.at(-1)?.time ?? 0;
  const least = new Map<number, Sample>();
  for (const sample of samples) {
    const span = Math.floor((sample.time - first) / REST_SECONDS);
    // One that is not over has nobody at rest, perhaps.
    if (first + (span + 1) * REST_SECONDS > last + INTERVAL_SECONDS) break;
    const known = least.get(span);
    if (known === undefined || sample.value < known.value) least.set(span, sample);
  }
  return [...least.values()];
}

/**
 * Holds a growth against a limit.
 *
 * @remarks
 * Below: with 95 % confidence it is. Above: it is not shown to be below, though the run is long enough to show that of what
 * does not grow at all; without `strict` only where with 95 % confidence it is above, or the same holds. Not told: the run
 * is too short, or what is measured too restless, to tell the limit from nothing.
 */
function verdictOf({ perDay, atLeastPerDay, atMostPerDay }: Growth, limit: number, strict: boolean): Verdict {
  if (atMostPerDay < limit) return 'below';
  if (strict || atLeastPerDay > limit) return 'above';
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
