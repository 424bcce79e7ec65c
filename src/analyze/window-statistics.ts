import type { RecordType } from '../record.js';
import { HistogramAggregate } from './histogram-aggregate.js';
import { PERCENTILES } from './measured.js';
import type { Statistics } from './statistics.js';
import { Streams } from './streams.js';
import { HistogramSeries, newCell } from './window-histograms.js';
import { type NumberPart, NumberSeries } from './window-numbers.js';
import { quantilesOf } from './window-quantiles.js';
import type { View } from './window-series.js';
import { Tally } from './window-tally.js';
import type { AnySeries } from './window-tree.js';

/** Statistics of the series of one group in a view, and how many records that are; undefined without any. */
export function statisticsOf(
  all: readonly AnySeries[],
  view: View,
  quantiles: readonly number[],
): { readonly records: number; readonly statistics: Statistics } | undefined {
  return all[0] instanceof HistogramSeries
    ? ofHistograms(all, view, quantiles)
    : ofNumbers(all, view, quantiles);
}

function ofHistograms(
  all: readonly AnySeries[],
  view: View,
  quantiles: readonly number[],
): ReturnType<typeof statisticsOf> {
  const merged = newCell(all[0]!.labels);
  for (const series of all) if (series instanceof HistogramSeries) series.mergeInto(merged, view);
  const { tally, histogram } = merged;
  if (tally.records === 0) return undefined;
  const aggregate = new HistogramAggregate(histogram, new Streams(Infinity));
  const statistics = aggregate.statistics({ seconds: secondsOf(view), quantiles });
  return { records: tally.records, statistics: { ...statistics, ...endsOf(tally) } };
}

function ofNumbers(
  all: readonly AnySeries[],
  view: View,
  quantiles: readonly number[],
): ReturnType<typeof statisticsOf> {
  const parts: NumberPart[] = [];
  const levels: Tally[] = [];
  const changes: Tally[] = [];
  for (const series of all) {
    if (!(series instanceof NumberSeries)) continue;
    const part = series.part(view);
    if (part.tally.records === 0) continue;
    parts.push(part);
    (series.labels.writer === undefined ? changes : levels).push(part.tally);
  }
  if (parts.length === 0) return undefined;
  const tally = parts.length === 1 ? parts[0]!.tally : merged(parts.map((part) => part.tally));
  const { values, exact, error } = quantilesOf(parts, tally, [...PERCENTILES, ...quantiles]);
  const totals = totalsOf(all[0]!.labels.type, tally, changes, levels, secondsOf(view));
  // Levels of several writers in one series cannot be told apart.
  const mingled = all[0]!.labels.type === 'updowncounter' && all.some(({ labels }) => labels.overflow);
  const empty = tally.count === 0;
  const statistics = {
    count: tally.count,
    sum: mingled ? null : totals.sum,
    rate: totals.rate,
    avg: tally.mean,
    stddev: tally.stddev,
    min: empty ? null : tally.min,
    max: empty ? null : tally.max,
    p50: values[0]!,
    p90: values[1]!,
    p95: values[2]!,
    p99: values[3]!,
    quantiles: quantiles.length === 0 ? {} : byName(quantiles, values),
    ...endsOf(tally),
    delta: mingled ? null : totals.delta,
    exact,
    error,
    nan: tally.nan,
  };
  return { records: tally.records, statistics };
}

/** What is summed up, and how far it has moved, by what the numbers mean. */
function totalsOf(
  type: RecordType,
  tally: Tally,
  changes: readonly Tally[],
  levels: readonly Tally[],
  seconds: number,
): Pick<Statistics, 'sum' | 'rate' | 'delta'> {
  const sum = tally.total;
  if (type === 'counter') return { sum, rate: sum / seconds, delta: sum };
  const { first, last } = endsOf(tally);
  if (type === 'gauge')
    return { sum, rate: null, delta: first === null || last === null ? null : last - first };
  const change = merged(changes);
  const level = new Tally();
  const moved = new Tally();
  level.addToSum(change.total);
  moved.addToSum(change.total);
  for (const one of levels) {
    if (one.lastTime === -Infinity) continue;
    level.addToSum(one.last);
    moved.addToSum(one.last - one.first);
  }
  return { sum: level.total, rate: null, delta: moved.total };
}

function merged(tallies: readonly Tally[]): Tally {
  const all = new Tally();
  for (const tally of tallies) all.merge(tally);
  return all;
}

function endsOf({ first, firstTime, last }: Tally): Pick<Statistics, 'first' | 'last'> {
  return firstTime === Infinity ? { first: null, last: null } : { first, last };
}

function secondsOf({ since, until }: View): number {
  return (until - since) / 1000;
}

function byName(
  quantiles: readonly number[],
  values: readonly (number | null)[],
): Record<string, number | null> {
  return Object.fromEntries(quantiles.map((q, i) => [String(q), values[PERCENTILES.length + i]!]));
}
