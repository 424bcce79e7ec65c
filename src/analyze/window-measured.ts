import type { RecordType } from '../record.js';
import type { Group } from './groups.js';
import { PERCENTILES } from './measured.js';
import type { AnalyzeOptions } from './options.js';
import type { StatisticName } from './statistics.js';
import { AHEAD, fetchAhead } from './window-fetch.js';
import { HistogramSeries } from './window-histograms.js';
import { NumberSeries } from './window-numbers.js';
import type { NumberPart } from './window-part.js';
import type { MetricRows } from './window-plan.js';
import { quantilesOf } from './window-quantiles.js';
import { Scan } from './window-scan.js';
import { Series, type View } from './window-series.js';
import {
  firstOf,
  groupOf,
  type Identity,
  lastOf,
  merged,
  partsOf,
  secondsOf,
  totalsOf,
} from './window-statistics.js';
import type { Tally } from './window-tally.js';
import type { AnySeries } from './window-tree.js';

/** Those that are neither quantiles nor made of them. */
type Plain = Exclude<StatisticName, `p${number}`>;

/** A statistic that somebody wants: one that groups have, or a quantile under a name of its own. */
export type Wanted =
  | { readonly name: Plain; readonly quantile?: undefined }
  | { readonly name: string; readonly quantile: number };

/** Those statistics of a group that somebody wanted, and how many values it has. */
export interface Measured {
  readonly identity: Identity;
  readonly count: number;
  /** By name. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** What to measure, and of when. */
export interface MeasureQuery extends Readonly<Pick<AnalyzeOptions, 'groupBy'>> {
  /** Unix milliseconds, taken down to a whole second. */
  readonly since: number;
  /** Unix milliseconds, taken up to a whole second; itself excluded. */
  readonly until: number;
  /** By metric. */
  readonly wanted: ReadonlyMap<string, readonly Wanted[]>;
}

/** What was measured, and how many records were dropped meanwhile. */
export interface Measurement {
  readonly groups: readonly Measured[];
  readonly dropped: number;
}

/** Measures of each metric what is wanted of it, and nothing else. */
export function measure(
  all: readonly MetricRows[],
  view: View,
  wanted: ReadonlyMap<string, readonly Wanted[]>,
): Measured[] {
  const scan = new Scan();
  const measured: Measured[] = [];
  for (const { metric, type, identities, series } of all) {
    const some = wanted.get(metric) ?? [];
    const quantiles = some.flatMap(({ quantile }) => quantile ?? []);
    const plain = type === 'gauge' || type === 'counter';
    for (let row = 0; row < series.length; row += 1) {
      if (row % AHEAD === 0) fetchAhead(row, series.length, (at) => readPoints(series[at]!));
      const one = series[row]!;
      if (!plain || !scan.take(one, view)) {
        const answer = added(identities[row]!, one instanceof Series ? [one] : one, view, some, quantiles);
        if (answer !== undefined) measured.push(answer);
      } else if (scan.tally.records > 0) {
        measured.push(ofNumbers(type, identities[row]!, [scan], scan.tally, view, some, quantiles));
      }
    }
  }
  return measured;
}

/** Of several series in one group those but the first are not worth the while. */
function readPoints(group: AnySeries | readonly AnySeries[]): number {
  const series = group instanceof Series ? group : group[0];
  return series instanceof NumberSeries ? series.readPoints() : 0;
}

/** Of series with more than a few points, which keep what they added up. */
function added(
  identity: Identity,
  all: readonly AnySeries[],
  view: View,
  wanted: readonly Wanted[],
  quantiles: readonly number[],
): Measured | undefined {
  for (const series of all) series.advance(view);
  if (all[0] instanceof HistogramSeries) {
    const answer = groupOf(identity, all, view, [...PERCENTILES, ...quantiles]);
    return answer && pick(answer.group, wanted);
  }
  const parts = partsOf(all, view);
  if (parts.length === 0) return undefined;
  const tally = parts.length === 1 ? parts[0]!.tally : merged(parts);
  return ofNumbers(identity.type, identity, parts, tally, view, wanted, quantiles);
}

function ofNumbers(
  type: RecordType,
  identity: Identity,
  parts: readonly NumberPart[],
  tally: Tally,
  view: View,
  wanted: readonly Wanted[],
  quantiles: readonly number[],
): Measured {
  const found = quantiles.length === 0 ? [] : quantilesOf(parts, tally, quantiles).values;
  const values: Record<string, number | null> = {};
  let at = 0;
  for (const one of wanted) {
    values[one.name] =
      one.quantile === undefined ? statisticOf(one.name, type, tally, parts, view) : found[at++]!;
  }
  return { identity, count: tally.count, values };
}

/** Takes what is wanted out of a whole group, in which the quantiles were asked for. */
export function pick(group: Group, wanted: readonly Wanted[]): Measured {
  const { metric, type, unit, agent, attributes } = group;
  const values: Record<string, number | null> = {};
  for (const one of wanted) {
    values[one.name] =
      one.quantile === undefined ? group[one.name] : (group.quantiles[String(one.quantile)] ?? null);
  }
  return { identity: { metric, type, unit, agent, attributes }, count: group.count, values };
}

function statisticOf(
  name: Plain,
  type: RecordType,
  tally: Tally,
  parts: readonly NumberPart[],
  view: View,
): number | null {
  switch (name) {
    case 'count':
      return tally.count;
    case 'avg':
      return tally.mean;
    case 'stddev':
      return tally.stddev;
    case 'min':
      return tally.count === 0 ? null : tally.min;
    case 'max':
      return tally.count === 0 ? null : tally.max;
    case 'first':
      return firstOf(tally);
    case 'last':
      return lastOf(tally);
    case 'sum':
    case 'rate':
    case 'delta':
      return totalsOf(type, tally, parts, secondsOf(view))[name];
  }
}
