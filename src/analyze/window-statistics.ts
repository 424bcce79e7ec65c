import type { RecordType } from '../record.js';
import { HistogramAggregate } from './histogram-aggregate.js';
import type { Group } from './groups.js';
import { byName, PERCENTILES } from './measured.js';
import type { Statistics } from './statistics.js';
import { Streams } from './streams.js';
import { HistogramSeries, newCell } from './window-histograms.js';
import { NumberSeries } from './window-numbers.js';
import type { NumberPart } from './window-part.js';
import { type Quantiles, quantilesOf } from './window-quantiles.js';
import { percentilesIn } from './window-rows.js';
import type { View } from './window-series.js';
import { Tally } from './window-tally.js';
import type { AnySeries } from './window-tree.js';

const NO_QUANTILES = Object.freeze({});
/** What the row says that is being read. */
const ROW_TALLY = new Tally();

/** What tells a group from others; what it does not have is undefined. */
export interface Identity extends Pick<Group, 'metric' | 'type'> {
  readonly unit: string | undefined;
  readonly agent: string | undefined;
  readonly attributes: Readonly<Record<string, string>> | undefined;
}

/**
 * A group of an answer, and how many records it is of; undefined without any.
 *
 * @param all - The series of the group.
 * @param quantiles - Those that every group has, and then those that were asked for.
 */
export function groupOf(
  identity: Identity,
  all: readonly AnySeries[],
  view: View,
  quantiles: readonly number[],
): { readonly records: number; readonly group: Group } | undefined {
  return all[0] instanceof HistogramSeries
    ? ofHistograms(identity, all, view, quantiles)
    : ofNumbers(identity, all, view, quantiles);
}

function ofHistograms(
  identity: Identity,
  all: readonly AnySeries[],
  view: View,
  quantiles: readonly number[],
): ReturnType<typeof groupOf> {
  const merged = newCell(all[0]!.labels);
  for (const series of all) if (series instanceof HistogramSeries) series.mergeInto(merged, view);
  const { tally, histogram } = merged;
  if (tally.records === 0) return undefined;
  const asked = { seconds: secondsOf(view), quantiles: quantiles.slice(PERCENTILES.length) };
  const statistics = new HistogramAggregate(histogram, new Streams(Infinity)).statistics(asked);
  const ends = { first: firstOf(tally), last: lastOf(tally) };
  return { records: tally.records, group: Object.assign({ ...identity }, statistics, ends) };
}

function ofNumbers(
  identity: Identity,
  all: readonly AnySeries[],
  view: View,
  quantiles: readonly number[],
): ReturnType<typeof groupOf> {
  const parts = partsOf(all, view);
  if (parts.length === 0) return undefined;
  const tally = parts.length === 1 ? parts[0]!.tally : merged(parts);
  const found = quantilesOf(parts, tally, quantiles);
  const more = quantiles.length === PERCENTILES.length ? NO_QUANTILES : named(quantiles, found.values);
  return groupWith(identity, tally, parts, view, found, more);
}

/** A group of one series that is no level, of what its row says; undefined where that has no values, or not their quantiles. */
export function groupOfRow(
  identity: Identity,
  row: Float64Array,
  begin: number,
  view: View,
): ReturnType<typeof groupOf> {
  const percentiles = percentilesIn(row, begin);
  ROW_TALLY.moveTo(row, begin);
  if (percentiles === undefined || ROW_TALLY.count === 0) return undefined;
  const found = { values: percentiles, exact: true, error: 0 };
  return groupWith(identity, ROW_TALLY, [], view, found, NO_QUANTILES);
}

function groupWith(
  identity: Identity,
  tally: Tally,
  parts: readonly NumberPart[],
  view: View,
  { values, exact, error }: Quantiles,
  more: Readonly<Record<string, number | null>>,
): { readonly records: number; readonly group: Group } {
  const { sum, rate, delta } = totalsOf(identity.type, tally, parts, secondsOf(view));
  const empty = tally.count === 0;
  // One literal: putting objects together takes ten times as long, which counts where groups are many.
  const group = {
    metric: identity.metric,
    type: identity.type,
    unit: identity.unit,
    agent: identity.agent,
    attributes: identity.attributes,
    count: tally.count,
    sum,
    rate,
    avg: tally.mean,
    stddev: tally.stddev,
    min: empty ? null : tally.min,
    max: empty ? null : tally.max,
    p50: values[0]!,
    p90: values[1]!,
    p95: values[2]!,
    p99: values[3]!,
    quantiles: more,
    first: firstOf(tally),
    last: lastOf(tally),
    delta,
    exact,
    error,
    nan: tally.nan,
  };
  return { records: tally.records, group };
}

/** Metrics that come in several types or units; groups of one metric stand together. */
export function mixedOf(groups: readonly Group[]): string[] {
  const mixed = new Set<string>();
  let first: Group | undefined;
  for (const group of groups) {
    if (first?.metric !== group.metric) first = group;
    else if (group.type !== first.type || group.unit !== first.unit) mixed.add(group.metric);
  }
  return [...mixed];
}

/** What is in a view of those series that have something there. */
export function partsOf(all: readonly AnySeries[], view: View): NumberPart[] {
  const parts: NumberPart[] = [];
  for (const series of all) {
    if (!(series instanceof NumberSeries)) continue;
    const part = series.part(view);
    if (part.tally.records > 0) parts.push(part);
  }
  return parts;
}

/** What is summed up, and how far it has moved, by what the numbers mean. */
export function totalsOf(
  type: RecordType,
  tally: Tally,
  parts: readonly NumberPart[],
  seconds: number,
): Pick<Statistics, 'sum' | 'rate' | 'delta'> {
  const sum = tally.total;
  if (type === 'counter') return { sum, rate: sum / seconds, delta: sum };
  if (type === 'gauge')
    return { sum, rate: null, delta: tally.firstTime === Infinity ? null : tally.last - tally.first };
  // Levels of several writers in one series cannot be told apart.
  if (parts.some(({ labels }) => labels.overflow)) return { sum: null, rate: null, delta: null };
  const level = new Tally();
  const moved = new Tally();
  for (const { labels, tally: one } of parts) {
    if (labels.writer === undefined) {
      level.addToSum(one.total);
      moved.addToSum(one.total);
    } else if (one.lastTime > -Infinity) {
      level.addToSum(one.last);
      moved.addToSum(one.last - one.first);
    }
  }
  return { sum: level.total, rate: null, delta: moved.total };
}

/** What all parts add up to. */
export function merged(parts: readonly NumberPart[]): Tally {
  const all = new Tally();
  for (const { tally } of parts) all.merge(tally);
  return all;
}

/** The first value as it was stored; null without one. */
export function firstOf({ first, firstTime }: Tally): number | null {
  return firstTime === Infinity ? null : first;
}

/** The last value as it was stored; null without one. */
export function lastOf({ last, lastTime }: Tally): number | null {
  return lastTime === -Infinity ? null : last;
}

/** The length of a view in seconds. */
export function secondsOf({ since, until }: View): number {
  return (until - since) / 1000;
}

function named(
  quantiles: readonly number[],
  values: readonly (number | null)[],
): Record<string, number | null> {
  return byName(quantiles.slice(PERCENTILES.length), values.slice(PERCENTILES.length));
}
