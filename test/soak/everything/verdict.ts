import { type Sample, type Trend, trend } from '../trend.js';
import { PROCESSES, type Moment } from './samples.js';

/** What a growth is judged to be. */
export type Verdict = 'below' | 'above' | 'not told';

/** A growth, and what it means. */
export interface Judged {
  readonly name: string;
  readonly unit: string;
  readonly trend: Trend;
  /** Nothing where nothing is asked of it. */
  readonly verdict?: Verdict;
}

/** How memory of all companions, and the rest, grows. */
export function judge(moments: readonly Moment[], limitMiB: number): Judged[] {
  const samplesOf = (value: (moment: Moment) => number | undefined): Sample[] =>
    moments.flatMap((moment) => {
      const found = value(moment);
      return found === undefined ? [] : [{ time: moment.time, value: found }];
    });
  const of = (value: (moment: Moment) => number | undefined): Trend => trend(samplesOf(value));
  const memory = (name: string, found: Trend, strict: boolean): Judged => ({
    ...{ name, unit: 'MiB', trend: found },
    verdict: verdictOf(found, limitMiB, strict),
  });
  return [
    ...PROCESSES.map((name) =>
      memory(
        `${name}: memory in use`,
        trend(
          inUse(
            name,
            samplesOf(({ processes }) => processes[name].live),
          ),
        ),
        true,
      ),
    ),
    ...PROCESSES.map((name) =>
      memory(
        `${name}: resident memory`,
        of(({ processes }) => processes[name].rss),
        false,
      ),
    ),
    ...PROCESSES.map((name) => ({
      ...{ name: `${name}: lag`, unit: 's', trend: of(({ processes }) => processes[name].lag) },
    })).filter(({ trend: { samples } }) => samples > 0),
    { name: 'RAM disk', unit: 'MiB', trend: of(({ ramMiB }) => ramMiB) },
    { name: 'archive', unit: 'MiB', trend: of(({ archiveMiB }) => archiveMiB) },
  ];
}

/** Of the archiver the least of each minute: it works every few seconds, and what it is just doing says nothing of growth. */
function inUse(name: (typeof PROCESSES)[number], samples: readonly Sample[]): readonly Sample[] {
  if (name !== 'archiver') return samples;
  const least = new Map<number, Sample>();
  for (const sample of samples) {
    const minute = Math.floor(sample.time / 60);
    const known = least.get(minute);
    if (known === undefined || sample.value < known.value) least.set(minute, sample);
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
function verdictOf({ perDay, atLeastPerDay, atMostPerDay }: Trend, limit: number, strict: boolean): Verdict {
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
