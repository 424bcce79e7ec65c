import type { DataPoint, MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Attributes } from '../../attributes.js';
import { CUMULATIVE, DATA_POINT_TYPES, DELTA, DOUBLE } from '../../otel/sdk-enums.js';
import type { ResourceOf } from '../backend.js';
import type { Point } from '../point.js';

const AGENT_ATTRIBUTE = 'agent.id';
const NO_BUCKETS = { offset: 0, bucketCounts: [] };

/** Times are nanoseconds in 64 bits: from 1970 to the year 2554. */
const MAX_TIME = 2 ** 64 / 1e6;
/** Counts are whole numbers in 64 bits. */
const MAX_COUNT = 2 ** 64;
const MAX_OFFSET = 2 ** 31 - 1;
const UNKNOWN_TIME: readonly [number, number] = [0, 0];

/** In which form points are told. */
export interface OtlpForm {
  /** An agent is a Resource of its own, or the attribute `agent.id` of its points. */
  readonly agents: 'resource' | 'attribute';
  /** Sums that may fall, as OpenTelemetry has them, or gauges, where the backend has no such sums. */
  readonly upDownCounters: 'sum' | 'gauge';
  /** How a number is given to the serializer, which knows no form for some of them. */
  readonly number: (value: number) => number;
  /** How a count is. */
  readonly count: (value: number) => number;
  /** What the backend takes of attributes. */
  readonly attributes: (attributes: Attributes) => Attributes;
}

/** A metric of a scope of a resource, to be filled. */
interface Scope {
  readonly name: string;
  readonly metrics: Map<string, MetricData>;
}

/** All points of one resource. */
interface Group {
  readonly agent: string | undefined;
  readonly scopes: Map<string, Scope>;
}

/**
 * Whether OTLP has a form for a point: not for one that is not of the years 1970 to 2554, whose first nanosecond says that
 * there is no time, nor for one with counts beyond 64 bits.
 */
export function isTold({ time, count = 0, counts, zeroCount = 0, positive, negative }: Point): boolean {
  if (time <= 0 || time >= MAX_TIME || count >= MAX_COUNT || zeroCount >= MAX_COUNT) return false;
  if ((positive?.offset ?? 0) > MAX_OFFSET || (negative?.offset ?? 0) > MAX_OFFSET) return false;
  const tooMany = (each: number): boolean => each >= MAX_COUNT;
  return !(
    counts?.some(tooMany) === true ||
    positive?.bucketCounts.some(tooMany) === true ||
    negative?.bucketCounts.some(tooMany) === true
  );
}

/** Makes the metrics that the SDK knows of points, one for each resource. */
export function resourceMetricsOf(
  points: readonly Point[],
  resourceOf: ResourceOf,
  form: OtlpForm,
): ResourceMetrics[] {
  const groups = new Map<string | undefined, Group>();
  for (const point of points) {
    const agent = form.agents === 'resource' ? point.agent : undefined;
    let group = groups.get(agent);
    if (group === undefined) groups.set(agent, (group = { agent, scopes: new Map() }));
    const points = metricOf(group, point, form).dataPoints as DataPoint<unknown>[];
    points.push(dataPoint(point, form));
  }
  return [...groups.values()].map(({ agent, scopes }) => ({
    // what the serializers read of a resource
    resource: { attributes: resourceAttributes(agent, resourceOf, form) } as ResourceMetrics['resource'],
    scopeMetrics: [...scopes.values()].map(({ name, metrics }) => ({
      scope: { name },
      metrics: [...metrics.values()],
    })),
  }));
}

function resourceAttributes(agent: string | undefined, resourceOf: ResourceOf, form: OtlpForm): Attributes {
  const attributes = resourceOf(agent);
  const named = agent === undefined || Object.hasOwn(attributes, AGENT_ATTRIBUTE);
  return form.attributes(named ? attributes : { ...attributes, [AGENT_ATTRIBUTE]: agent });
}

function metricOf({ scopes }: Group, point: Point, form: OtlpForm): MetricData {
  const { metric: name, type, unit = '', temporality, scope: scopeName = '' } = point;
  let scope = scopes.get(scopeName);
  if (scope === undefined) scopes.set(scopeName, (scope = { name: scopeName, metrics: new Map() }));
  const key = `${name} ${type} ${temporality ?? ''} ${unit}`;
  const known = scope.metrics.get(key);
  if (known !== undefined) return known;
  const told = type === 'updowncounter' && form.upDownCounters === 'gauge' ? 'gauge' : type;
  const metric = {
    descriptor: { name, unit, description: '', valueType: DOUBLE },
    // the present value of an up-down counter is its total, whoever asks for deltas
    aggregationTemporality: temporality === undefined && told !== 'updowncounter' ? DELTA : CUMULATIVE,
    dataPointType: DATA_POINT_TYPES[told],
    isMonotonic: told === 'counter',
    dataPoints: [],
  } as unknown as MetricData;
  scope.metrics.set(key, metric);
  return metric;
}

function dataPoint(point: Point, form: OtlpForm): DataPoint<unknown> {
  const { time, start, type, agent, attributes } = point;
  const named = form.agents === 'attribute' && agent !== undefined;
  const own = form.attributes(named ? { ...attributes, [AGENT_ATTRIBUTE]: agent } : attributes);
  return {
    // the same but for `readonly`
    attributes: own as DataPoint<unknown>['attributes'],
    startTime: type === 'gauge' || !isBefore(start, time) ? [...UNKNOWN_TIME] : hrTime(start),
    endTime: hrTime(time),
    value: valueOf(point, form),
  };
}

function isBefore(start: number | undefined, time: number): start is number {
  return start !== undefined && start >= 0 && start <= time;
}

function valueOf(point: Point, { number, count }: OtlpForm): unknown {
  if (point.type !== 'histogram' && point.type !== 'exponential_histogram') return number(point.value);
  const optional = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : number(value);
  const summary = {
    count: count(point.count ?? 0),
    sum: optional(point.sum),
    min: optional(point.min),
    max: optional(point.max),
  };
  const { positive = NO_BUCKETS, negative = NO_BUCKETS } = point;
  if (point.type === 'histogram') {
    const { bounds = [], counts = [] } = point;
    return { ...summary, buckets: { boundaries: bounds.map(number), counts: counts.map(count) } };
  }
  const buckets = ({ offset, bucketCounts }: typeof positive): unknown => ({
    offset,
    bucketCounts: bucketCounts.map(count),
  });
  return {
    ...summary,
    scale: point.scale ?? 0,
    zeroCount: count(point.zeroCount ?? 0),
    positive: buckets(positive),
    negative: buckets(negative),
  };
}

function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
}
