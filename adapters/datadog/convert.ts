import { matchesGlob } from '../../src/analyze/glob.js';
import type { Attributes } from '../../src/attributes.js';
import type { ResourceOf } from '../../src/forward/backend.js';
import type { Point } from '../../src/forward/point.js';
import { bucketsOf } from './buckets.js';
import { metricName, tag, tagsOf } from './names.js';
import { type Owner, ownerOf, SeriesSet } from './series.js';
import { unitOf } from './units.js';

/** What is told, and how. */
export interface Rules {
  /** Patterns of gauges that are told as distributions. */
  readonly distributions: readonly string[];
  /** Whether buckets of histograms are told. */
  readonly buckets: boolean;
  /** Attributes of the resource that are tags, under their own names. */
  readonly resourceTags: readonly string[];
}

/** The points of a request, by what became of them. */
export interface Converted {
  readonly set: SeriesSet;
  /** Those that are in its series. */
  readonly told: readonly Point[];
  /** Those that are in its distributions. */
  readonly distributed: readonly Point[];
}

/** The tags that tie metrics to what else Datadog knows: https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/. */
const UNIFIED: readonly (readonly [attribute: string, tag: string])[] = [
  ['service.name', 'service'],
  ['service.version', 'version'],
  ['deployment.environment.name', 'env'],
  ['deployment.environment', 'env'],
];

/** What points told before were of: a series keeps its attributes, and an agent its resource until it says another. */
export interface Known {
  /** By resource. */
  readonly agents: WeakMap<Attributes, AgentTags>;
  /** By attributes. */
  readonly owners: WeakMap<Attributes, { readonly of: AgentTags; readonly owner: Owner }>;
}

/** Turns points into series. */
export function convert(
  points: readonly Point[],
  resourceOf: ResourceOf,
  rules: Rules,
  known: Known = { agents: new WeakMap(), owners: new WeakMap() },
): Converted {
  const set = new SeriesSet();
  const told: Point[] = [];
  const distributed: Point[] = [];
  const agents = new Map<string | undefined, AgentTags>();
  for (const point of inOrder(points)) {
    const { agent, attributes } = point;
    let of = agents.get(agent);
    if (of === undefined) agents.set(agent, (of = agentIn(known, agent, resourceOf(agent), rules)));
    const name = metricName(point.metric);
    if (name === undefined || point.time < 0) continue;
    const owner = ownerIn(known, attributes, of);
    if (isDistribution(point, rules)) {
      if (!Number.isFinite(point.value)) continue;
      set.distribution(name, owner, secondOf(point), point.value);
      distributed.push(point);
    } else if (addTo(set, name, owner, point, rules)) {
      told.push(point);
    }
  }
  return { set, told, distributed };
}

function agentIn(
  { agents }: Known,
  agent: string | undefined,
  resource: Attributes,
  rules: Rules,
): AgentTags {
  const found = agents.get(resource);
  if (found !== undefined && found.agent === agent) return found;
  const tags = agentTags(agent, resource, rules);
  agents.set(resource, tags);
  return tags;
}

function ownerIn({ owners }: Known, attributes: Attributes, of: AgentTags): Owner {
  const found = owners.get(attributes);
  if (found?.of === of) return found.owner;
  const owner = ownerOf([...of.tags, ...tagsOf(attributes)], of.host);
  owners.set(attributes, { of, owner });
  return owner;
}

interface AgentTags {
  readonly agent: string | undefined;
  readonly tags: readonly string[];
  readonly host: string | undefined;
}

/** Of the gauges of one second the last is told, so they come in the order of time. */
function inOrder(points: readonly Point[]): readonly Point[] {
  const ordered = points.every(({ time }, i) => i === 0 || time >= points[i - 1]!.time);
  return ordered ? points : points.toSorted((a, b) => a.time - b.time);
}

function agentTags(agent: string | undefined, resource: Attributes, rules: Rules): AgentTags {
  const host = resource['host.name'];
  const unified = UNIFIED.flatMap(([attribute, name]) => {
    const value = resource[attribute];
    return typeof value === 'string' && value !== '' ? [tag(name, value)] : [];
  });
  const named = Object.fromEntries(
    rules.resourceTags.flatMap((key) => (Object.hasOwn(resource, key) ? [[key, resource[key]!]] : [])),
  );
  return {
    agent,
    tags: [...(agent === undefined ? [] : [tag('agent_id', agent)]), ...unified, ...tagsOf(named)],
    host: typeof host === 'string' && host !== '' ? host : undefined,
  };
}

function isDistribution({ type, metric }: Point, { distributions }: Rules): boolean {
  return type === 'gauge' && distributions.some((pattern) => matchesGlob(pattern, metric));
}

function secondOf({ time }: Point): number {
  return Math.floor(time / 1000);
}

/** Adds a point, and says whether Datadog has a form for it: of NaN and the infinities it has none. */
function addTo(set: SeriesSet, name: string, owner: Owner, point: Point, rules: Rules): boolean {
  const second = secondOf(point);
  const unit = unitOf(point.unit);
  switch (point.type) {
    case 'counter': {
      if (!Number.isFinite(point.value)) return false;
      set.count(name, owner, { second, value: point.value, interval: intervalOf(point) }, unit);
      return true;
    }
    case 'gauge':
    case 'updowncounter': {
      if (!Number.isFinite(point.value)) return false;
      set.gauge(name, owner, second, point.value, { unit });
      return true;
    }
    case 'histogram':
    case 'exponential_histogram':
      return addHistogram(set, name, owner, point, rules);
  }
}

/** As Datadog's Agent tells those of OTLP in its mode `counters` or, without buckets, `nobuckets`. */
function addHistogram(set: SeriesSet, name: string, owner: Owner, point: Point, { buckets }: Rules): boolean {
  const names = ['count', 'sum', 'min', 'max', 'bucket'].map((suffix) => metricName(`${name}.${suffix}`));
  // where the longest fits, all do
  if (names.includes(undefined)) return false;
  const [count, sum, min, max, bucket] = names as [string, string, string, string, string];
  const second = secondOf(point);
  const interval = intervalOf(point);
  const unit = unitOf(point.unit);
  set.count(count, owner, { second, value: point.count ?? 0, interval });
  if (isFinite(point.sum)) set.count(sum, owner, { second, value: point.sum, interval }, unit);
  if (isFinite(point.min)) set.gauge(min, owner, second, point.min, { unit, merge: 'min' });
  if (isFinite(point.max)) set.gauge(max, owner, second, point.max, { unit, merge: 'max' });
  if (!buckets) return true;
  for (const { lower, upper, count: value } of bucketsOf(point)) {
    const bounds = [tag('lower_bound', bound(lower)), tag('upper_bound', bound(upper))];
    set.count(bucket, ownerOf([...owner.tags, ...bounds], owner.host), { second, value, interval });
  }
  return true;
}

function isFinite(value: number | undefined): value is number {
  return Number.isFinite(value);
}

function bound(value: number): string {
  return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
}

/** Whole seconds, of which there is at least one. */
function intervalOf({ time, start }: Point): number | undefined {
  return start === undefined ? undefined : Math.max(1, Math.round((time - start) / 1000));
}
