import type { DataPoint, MetricData } from '@opentelemetry/sdk-metrics';
import type { Attributes } from '../attributes.js';
import type { CumulativeState, Metric } from './cumulative.js';
import type { Series } from './cumulative-series.js';
import type { Numbers } from './cumulative-total.js';
import type { GaugeRule } from './producer-options.js';
import { AGENT_ATTRIBUTE } from './point-attributes.js';
import { CUMULATIVE, DATA_POINT_TYPES, DELTA, DOUBLE } from './sdk-enums.js';

const NO_BUCKETS = { offset: 0, bucketCounts: [] };

/** In which form points are wanted. */
export interface PointsRequest {
  /** Unix milliseconds. */
  readonly now: number;
  /** Unix milliseconds of the last request, where what was added since then is wanted; undefined for totals. */
  readonly since: number | undefined;
  /** After so long without a value a writer's up-down counter is no more. */
  readonly gaugeMaxAgeMs: number;
  /** How the gauges of all agents become one, by metric; undefined where each agent has its own. */
  readonly gaugeRules: ReadonlyMap<string, GaugeRule> | undefined;
}

/** Makes the metrics that the SDK knows of what is in a state. Nothing of it changes later. */
export function metricDataOf(state: CumulativeState, request: PointsRequest): MetricData[] {
  const metrics: MetricData[] = [];
  for (const metric of state.metrics()) {
    const dataPoints = metric.type === 'gauge' ? gaugePoints(metric, request) : totalPoints(metric, request);
    if (dataPoints.length > 0) metrics.push(metricData(metric, dataPoints, request));
  }
  return metrics;
}

function metricData(metric: Metric, dataPoints: DataPoint<unknown>[], { since }: PointsRequest): MetricData {
  const { name, type, unit } = metric;
  return {
    descriptor: { name, unit, description: '', valueType: DOUBLE },
    aggregationTemporality: since === undefined || type === 'gauge' ? CUMULATIVE : DELTA,
    dataPointType: DATA_POINT_TYPES[type],
    ...((type === 'counter' || type === 'updowncounter') && { isMonotonic: type === 'counter' }),
    dataPoints,
  } as MetricData;
}

function allSeries({ series, overflow }: Metric): Iterable<Series> {
  return overflow === undefined ? series.values() : [...series.values(), overflow];
}

function totalPoints(metric: Metric, { now, since, gaugeMaxAgeMs }: PointsRequest): DataPoint<unknown>[] {
  const endTime = hrTime(now);
  const points: DataPoint<unknown>[] = [];
  for (const series of allSeries(metric)) {
    const total = series.numbers(now - gaugeMaxAgeMs);
    // a total of up-down counters is one however it is asked for, as in the SDK
    const delta = since !== undefined && metric.type !== 'updowncounter';
    const numbers = delta ? series.takeDelta(total) : total;
    if (numbers === undefined) continue;
    const start = delta ? Math.max(series.start, since) : series.start;
    points.push(point(series.attributes, hrTime(Math.min(start, now)), endTime, pointValue(numbers)));
  }
  return points;
}

function pointValue(numbers: Numbers): unknown {
  const { value, count, sum, min, max, bounds, counts, scale, zeroCount, positive, negative } = numbers;
  if (bounds !== undefined) return { buckets: { boundaries: bounds, counts }, count, sum, min, max };
  if (scale === undefined) return value;
  return {
    ...{ count, sum, min, max, scale, zeroCount },
    positive: positive ?? NO_BUCKETS,
    negative: negative ?? NO_BUCKETS,
  };
}

function gaugePoints(metric: Metric, { gaugeRules }: PointsRequest): DataPoint<unknown>[] {
  const points: DataPoint<unknown>[] = [];
  if (gaugeRules === undefined) {
    for (const { attributes, start, time, value } of allSeries(metric)) {
      // the clock may have been set back since the first one
      points.push(point(attributes, hrTime(Math.min(start, time)), hrTime(time), value));
    }
    return points;
  }
  const rule = gaugeRules.get(metric.name) ?? gaugeRules.get('*') ?? 'mean';
  for (const group of groupAgents(metric).values()) {
    const time = Math.max(...group.map((series) => series.time));
    const start = Math.min(time, ...group.map((series) => series.start));
    points.push(point(withoutAgent(group[0]!), hrTime(start), hrTime(time), reduce(group, rule)));
  }
  return points;
}

/** Series that differ in nothing but their agent. */
function groupAgents(metric: Metric): Map<string, Series[]> {
  const groups = new Map<string, Series[]>();
  for (const [key, series] of metric.series) {
    const rest = key.slice(key.indexOf('\n'));
    const group = groups.get(rest);
    if (group === undefined) groups.set(rest, [series]);
    else group.push(series);
  }
  if (metric.overflow !== undefined) groups.set('overflow', [metric.overflow]);
  return groups;
}

function withoutAgent({ attributes }: Series): Attributes {
  const { [AGENT_ATTRIBUTE]: _agent, ...others } = attributes;
  return others;
}

function reduce(group: readonly Series[], rule: GaugeRule): number {
  const values = group.map(({ value }) => value).filter((value) => !Number.isNaN(value));
  if (values.length === 0) return NaN;
  if (rule === 'min') return values.reduce((a, b) => Math.min(a, b));
  if (rule === 'max') return values.reduce((a, b) => Math.max(a, b));
  const sum = values.reduce((a, b) => a + b);
  return rule === 'sum' ? sum : sum / values.length;
}

function point(
  attributes: Attributes,
  startTime: [number, number],
  endTime: [number, number],
  value: unknown,
): DataPoint<unknown> {
  return { attributes: attributes as DataPoint<unknown>['attributes'], startTime, endTime, value };
}

function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, (ms - seconds * 1000) * 1e6];
}
