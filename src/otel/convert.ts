import type { DataPoint, MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { AttributesFormatter } from '../attributes.js';
import { formatNumber } from '../json.js';
import { shown, thrownText } from '../options.js';
import {
  agentId,
  agentProblem,
  formatEnd,
  formatHead,
  formatHistogram,
  formatSeries,
  formatStart,
  histogramProblem,
  MAX_LINE_BYTES,
  metricProblem,
  type RecordType,
  START_TEXT,
  unitProblem,
} from '../record.js';
import type { Line } from '../store/backlog.js';
import { shardOf } from '../store/shard.js';
import { TimestampFormatter } from '../timestamp.js';
import { histogramNumbers, mean } from './histogram-numbers.js';
import { AGENT_ATTRIBUTE, pointAttributes } from './point-attributes.js';
import { PointLine, type Shape } from './point-line.js';
import { CUMULATIVE, EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, SUM } from './sdk-enums.js';

/** A point older than this counts as late: it is stored with the time of its conversion, and files stay ordered. */
const LATE_MS = 10_000;
/** The last that a timestamp has a form for: 9999-12-31T23:59:59.999Z. */
const LAST_TIME = 253_402_300_799_999;
const MAX_SCOPE_CHARS = 1024;
/** A UTF-16 unit is at most three bytes of UTF-8. */
const SURELY_SHORT_CHARS = Math.floor(MAX_LINE_BYTES / 3);

/** Who writes, where to, and when. */
export interface Target {
  /** The agent of a point that names none, in stored form. */
  readonly agent: string;
  /** Identity of the writer. */
  readonly writer: string;
  /** Number of shards. */
  readonly shards: number;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Lines of one batch. */
export interface Conversion {
  /** Lines in the order of their points, by shard. */
  readonly lines: ReadonlyMap<number, readonly Line[]>;
  /** The agent of the first line of each shard. */
  readonly agents: ReadonlyMap<number, string>;
  /** How many points no record can hold. */
  readonly refused: number;
  /** What is wrong with the first of them. */
  readonly problem?: string | undefined;
  /** What is wrong with the first `agent.id` that names no agent; its point went to the target's agent. */
  readonly agentProblem?: string | undefined;
}

/**
 * Turns what a reader collected into lines, synchronously and without keeping any of it.
 *
 * @remarks
 * It has to be done before `export` returns: attributes are the user's own objects, and may change a moment later.
 */
export function convert(metrics: ResourceMetrics, target: Target): Conversion {
  const converter = new Converter(target);
  for (const { scope, metrics: ofScope } of metrics.scopeMetrics) {
    const scopeName = scope.name === '' ? undefined : scope.name.slice(0, MAX_SCOPE_CHARS);
    for (const metric of ofScope) converter.add(metric, scopeName);
  }
  return converter;
}

interface Agent {
  readonly id: string;
  readonly shard: number;
}

class Converter implements Conversion {
  readonly lines = new Map<number, Line[]>();
  readonly agents = new Map<number, string>();
  refused = 0;
  problem: string | undefined;
  agentProblem: string | undefined;

  readonly #target: Target;
  readonly #own: Agent;
  readonly #named = new Map<unknown, Agent>();
  #before = { end: '', head: '', text: '' };
  #since = { time: NaN, text: '' };
  readonly #attributes = new AttributesFormatter();
  // one each: start and end of a point are never in the same second for long
  readonly #ends = new TimestampFormatter();
  readonly #starts = new TimestampFormatter();

  constructor(target: Target) {
    this.#target = target;
    this.#own = { id: target.agent, shard: shardOf(target.agent, target.shards) };
  }

  add(metric: MetricData, scope: string | undefined): void {
    const { name, unit } = metric.descriptor;
    const type = recordType(metric);
    const problem =
      metricProblem(name) ?? unitProblem(unit) ?? (type === undefined ? unknownType(metric) : undefined);
    if (problem !== undefined) {
      this.#refuse(problem, metric.dataPoints.length);
      return;
    }
    const gauge = type === 'gauge';
    const cumulative = !gauge && (metric.aggregationTemporality as number) === CUMULATIVE;
    const shape: Shape = {
      name,
      type: type as RecordType,
      head: formatHead(this.#own.id, name),
      series: formatSeries(unit, gauge ? undefined : type, undefined),
      temporality: cumulative ? ',"temporality":"cumulative"' : '',
      end: formatEnd(scope, gauge ? undefined : this.#target.writer),
    };
    for (const point of metric.dataPoints) {
      try {
        this.#addPoint(point, shape);
      } catch (error) {
        // attributes may have getters
        this.#refuse(`a point of ${name} cannot be read: ${thrownText(error)}`);
      }
    }
  }

  #addPoint(point: DataPoint<unknown>, shape: Shape): void {
    const { attributes, agent: named } = pointAttributes(point.attributes);
    const agent = named === undefined ? this.#own : this.#find(named);
    const head = agent === this.#own ? shape.head : formatHead(agent.id, shape.name);
    const series = shape.series + this.#attributes.format(attributes);

    const histogram = shape.type === 'histogram' || shape.type === 'exponential_histogram';
    const numbers = histogram ? histogramNumbers(point.value, shape.type) : undefined;
    const value = numbers === undefined ? point.value : mean(numbers);
    if (typeof value !== 'number') {
      this.#refuse(`value of ${shape.name} must be a number, got ${shown(value)}`);
      return;
    }
    const problem = numbers === undefined ? undefined : histogramProblem(numbers);
    if (problem !== undefined) {
      this.#refuse(`${shape.name}: ${problem}`);
      return;
    }

    const start =
      shape.type === 'gauge' ? '' : shape.temporality + this.#start(point, shape.temporality !== '');
    const text =
      this.#formatBefore(this.#end(point), head) +
      formatNumber(value) +
      series +
      start +
      (numbers === undefined ? '' : formatHistogram(numbers)) +
      shape.end;
    if (text.length > SURELY_SHORT_CHARS && Buffer.byteLength(text) > MAX_LINE_BYTES) {
      this.#refuse(
        `a record's line must be at most ${MAX_LINE_BYTES} bytes, ${shape.name} needs ${Buffer.byteLength(text)}`,
      );
      return;
    }
    this.#push(agent, new PointLine(text, head, series, start, shape));
  }

  /** What stands before the value: the same text for most points of a metric, joined once, since a line is made of it. */
  #formatBefore(end: string, head: string): string {
    const before = this.#before;
    if (before.end !== end || before.head !== head) {
      this.#before = { end, head, text: START_TEXT + end + head };
    }
    return this.#before.text;
  }

  #push({ id, shard }: Agent, line: Line): void {
    const lines = this.lines.get(shard);
    if (lines !== undefined) {
      lines.push(line);
      return;
    }
    this.lines.set(shard, [line]);
    this.agents.set(shard, id);
  }

  #find(named: unknown): Agent {
    const known = this.#named.get(named);
    if (known !== undefined) return known;
    const id = typeof named === 'string' || typeof named === 'number' ? agentId(named) : named;
    const problem = agentProblem(id);
    this.agentProblem ??= problem && `${AGENT_ATTRIBUTE} of a point: ${problem}`;
    const agent =
      problem === undefined
        ? { id: id as string, shard: shardOf(id as string, this.#target.shards) }
        : this.#own;
    this.#named.set(named, agent);
    return agent;
  }

  #end(point: DataPoint<unknown>): string {
    const { now } = this.#target;
    const end = millis(point.endTime);
    // false for NaN too
    return this.#ends.format(end <= now && end > now - LATE_MS ? end : now);
  }

  /**
   * A cumulative point's start tells its stream from others, so it is written as it is even where it is in the future: a
   * clock that was put back must not make a new stream of each point.
   */
  #start(point: DataPoint<unknown>, cumulative: boolean): string {
    const start = millis(point.startTime);
    const latest = cumulative ? LAST_TIME : this.#target.now;
    const time = start <= latest && start >= 0 ? start : cumulative ? 0 : latest;
    if (time !== this.#since.time) this.#since = { time, text: formatStart(this.#starts.format(time)) };
    return this.#since.text;
  }

  #refuse(problem: string, points = 1): void {
    this.refused += points;
    this.problem ??= problem;
  }
}

function recordType(metric: MetricData): RecordType | undefined {
  switch (metric.dataPointType as number) {
    case GAUGE:
      return 'gauge';
    case SUM:
      return (metric as { isMonotonic?: boolean }).isMonotonic === true ? 'counter' : 'updowncounter';
    case HISTOGRAM:
      return 'histogram';
    case EXPONENTIAL_HISTOGRAM:
      return 'exponential_histogram';
    default:
      return undefined;
  }
}

function unknownType({ descriptor, dataPointType }: MetricData): string {
  return `points of ${descriptor.name} are of a type that is not known: ${shown(dataPointType)}`;
}

/** Unix milliseconds of OpenTelemetry's seconds and nanoseconds. */
function millis(time: readonly [number, number]): number {
  return time[0] * 1000 + Math.floor(time[1] / 1e6);
}
