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
  /** Whether a run passes only where it is below. */
  readonly strict?: boolean;
}

/** Within it the archiver is at rest at least once, and everyone collects garbage several times. */
const SPAN_SECONDS = 300;
/** Between two measurements of memory. */
const INTERVAL_SECONDS = 30;

/** How memory of all companions, and the rest, grows, as one run or several together say. */
export function judge(runs: readonly (readonly Moment[])[], limitMiB: number): Judged[] {
  const of = (
    value: (moment: Moment) => number | undefined,
    chosen: (all: Sample[]) => Sample[] = (all) => all,
  ): Growth => together(runs.map((moments) => trend(chosen(samplesOf(moments, value)))));
  const memory = (
    called: string,
    key: 'live' | 'outside' | 'lasting',
    options: { readonly strict: boolean; readonly spans?: typeof means },
  ): Judged[] =>
    PROCESSES.map((name) => {
      const found = of(({ processes }) => processes[name][key], name === 'archiver' ? atRest : options.spans);
      const verdict = verdictOf(found, limitMiB);
      return { name: `${name}: ${called}`, unit: 'MiB', trend: found, verdict, strict: options.strict };
    });
  return [
    ...memory('memory in use', 'live', { strict: true }),
    ...memory("outside of V8's heap", 'outside', { strict: false, spans: means }),
    ...memory('resident memory', 'lasting', { strict: false, spans: means }),
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

/**
 * Of the archiver the least of every five minutes: what it is just doing says nothing of growth. It copies, seals and
 * compresses every few seconds, and measurements come at an interval of their own, so that for minutes nearly all of them
 * may find it at work.
 */
function atRest(samples: readonly Sample[]): Sample[] {
  return spans(samples).map((span) =>
    span.reduce((least, sample) => (sample.value < least.value ? sample : least)),
  );
}

/**
 * The mean of every five minutes. The heap's pages go up and down with garbage within seconds and by a MiB within half an
 * hour: the correlation of neighbours ten seconds apart sees the first and not the second, and bounds that go by it are
 * right for seven runs of ten instead of nineteen of twenty.
 */
function means(samples: readonly Sample[]): Sample[] {
  return spans(samples).map((span) => {
    const mean = (of: (sample: Sample) => number): number =>
      span.reduce((total, sample) => total + of(sample), 0) / span.length;
    return { time: mean(({ time }) => time), value: mean(({ value }) => value) };
  });
}

/** The measurements of every five minutes that are over. */
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
