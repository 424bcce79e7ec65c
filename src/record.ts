import { formatAttributes, attributesProblem, type Attributes } from './attributes.js';
import { MetricsError } from './errors.js';
import { formatNumber, formatString } from './json.js';
import { shown } from './options.js';

/**
 * The kinds of record. A record without a type is a gauge.
 *
 * @public
 */
export const RECORD_TYPES = [
  'gauge',
  'counter',
  'updowncounter',
  'histogram',
  'exponential_histogram',
] as const;

/**
 * One of {@link RECORD_TYPES}.
 *
 * @public
 */
export type RecordType = (typeof RECORD_TYPES)[number];

/**
 * One side of an exponential histogram, as OpenTelemetry has it.
 *
 * @public
 */
export interface ExponentialBuckets {
  /** Index of the first bucket. */
  readonly offset: number;
  /** Counts of the buckets at `offset`, `offset + 1`, … */
  readonly bucketCounts: readonly number[];
}

/**
 * One stored line: one point of one series of one agent.
 *
 * @remarks
 * Strings are well-formed Unicode. A number may be NaN or infinite where it says so; on the line such a number is one
 * of the strings `"NaN"`, `"Infinity"`, `"-Infinity"`.
 *
 * @public
 */
export interface MetricRecord {
  /** When the record was appended, in Unix milliseconds; a whole number between the years 0 and 9999. */
  readonly time: number;
  /** Who it is about: 1 to 128 characters without control characters, in its stored form (`agent-42`, not `42`). */
  readonly agent: string;
  /** Instrument name: 1 to 255 characters, a letter first, then letters, digits and `_ . - /`. */
  readonly metric: string;
  /** The value; for a histogram its mean. May be NaN or infinite. */
  readonly value: number;
  /** Unit of the value, at most 63 characters. */
  readonly unit?: string | undefined;
  /** Kind of the point; absent means gauge. */
  readonly type?: RecordType | undefined;
  /** What tells series of one metric apart. */
  readonly attributes?: Attributes | undefined;
  /** Says that the point is cumulative; absent means delta. */
  readonly temporality?: 'cumulative' | undefined;
  /** Start of the point's interval, in Unix milliseconds. */
  readonly start?: number | undefined;
  /** Histogram: number of measurements. */
  readonly count?: number | undefined;
  /** Histogram: their sum; may be NaN or infinite. */
  readonly sum?: number | undefined;
  /** Histogram: the smallest measurement; may be NaN or infinite. */
  readonly min?: number | undefined;
  /** Histogram: the largest measurement; may be NaN or infinite. */
  readonly max?: number | undefined;
  /** Explicit histogram: upper bounds of the buckets, rising; the last bucket has none. */
  readonly bounds?: readonly number[] | undefined;
  /** Explicit histogram: one count a bucket, one more than there are bounds. */
  readonly counts?: readonly number[] | undefined;
  /** Exponential histogram: bucket boundaries are the powers of 2^(2^-scale). */
  readonly scale?: number | undefined;
  /** Exponential histogram: number of measurements that were zero. */
  readonly zeroCount?: number | undefined;
  /** Exponential histogram: the positive measurements. */
  readonly positive?: ExponentialBuckets | undefined;
  /** Exponential histogram: the negative measurements. */
  readonly negative?: ExponentialBuckets | undefined;
  /** Name of the instrumentation scope. */
  readonly scope?: string | undefined;
  /** Identity of the writing process: its pid, when it started, and something random. */
  readonly writer?: string | undefined;
}

/** Starts every record, and stands unescaped nowhere else in one: what readers cut a torn line at. */
export const START_TEXT = '{"timestamp":"';

/** Bytes a line may have at most, its newline included. */
export const MAX_LINE_BYTES = 65_536;

/** Where the 24 characters of the timestamp begin and end in a line. */
export const TIMESTAMP_START = START_TEXT.length;
export const TIMESTAMP_END = TIMESTAMP_START + 24;

/** The metric that carries the resource of a writer; readers keep it out of statistics. */
export const TARGET_INFO = 'target_info';

/** The counter of what writers could not store; readers show it beside every answer. */
export const DROPPED = 'cfn.metrics.dropped';

const NUMERIC_AGENT = /^(?:agent-)?(0|[1-9][0-9]{0,14})$/;
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const METRIC_NAME = /^[A-Za-z][A-Za-z0-9_./-]*$/;
/** Last millisecond that ISO 8601 writes with a year of four digits. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const MIN_TIME = Date.parse('0000-01-01T00:00:00.000Z');

/**
 * The stored form of an agent's id: a plain number becomes `agent-N`, everything else stays as it is.
 *
 * @param agent - An id such as `42`, `'agent-42'` or `'coder-7a'`. `'007'`, `'-5'` and `'1e3'` are names, not numbers.
 */
export function agentId(agent: string | number): string {
  // What is neither is left for agentProblem to refuse.
  if (typeof agent !== 'string' && typeof agent !== 'number') return agent;
  const text = String(agent).toWellFormed();
  const digits = NUMERIC_AGENT.exec(text)?.[1];
  return digits === undefined ? text : `agent-${digits}`;
}

/** The number in a stored id such as `agent-42`, which picks its shard; undefined for names. */
export function agentNumber(id: string): number | undefined {
  const digits = NUMERIC_AGENT.exec(id)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What is wrong with an agent's id, if anything. */
export function agentProblem(id: unknown): string | undefined {
  if (typeof id === 'string' && id.length >= 1 && id.length <= 128 && !CONTROL.test(id)) return undefined;
  return `agent must be 1 to 128 characters without control characters, got ${shown(id)}`;
}

/** What is wrong with a metric's name, if anything. */
export function metricProblem(name: unknown): string | undefined {
  if (typeof name === 'string' && name.length <= 255 && METRIC_NAME.test(name)) return undefined;
  return `metric must be a letter and at most 254 of A-Z a-z 0-9 _ . - /, got ${shown(name)}`;
}

/** What is wrong with a unit, if anything. */
export function unitProblem(unit: unknown): string | undefined {
  if (unit === undefined || (typeof unit === 'string' && unit.length <= 63)) return undefined;
  return `unit must be a string of at most 63 characters, got ${shown(unit)}`;
}

/** What stands between a record's timestamp and its value. */
export function formatHead(agent: string, metric: string): string {
  return `","agent":${formatString(agent)},"metric":"${metric}","value":`;
}

/** Unit, type and attributes, as they follow the value. */
export function formatSeries(
  unit: string | undefined,
  type: RecordType | undefined,
  attributes: Attributes | undefined,
): string {
  let text = '';
  if (unit !== undefined && unit !== '') text += `,"unit":${formatString(unit)}`;
  if (type !== undefined) text += `,"type":"${type}"`;
  if (attributes !== undefined) text += formatAttributes(attributes);
  return text;
}

/** `start` as it stands in a line. */
export function formatStart(timestamp: string): string {
  return `,"start":"${timestamp}"`;
}

/** The numbers of a histogram point, as they follow `start`; what is undefined is left out. */
export function formatHistogram(point: Partial<MetricRecord>): string {
  let text = '';
  if (point.count !== undefined) text += `,"count":${point.count}`;
  if (point.sum !== undefined) text += `,"sum":${formatNumber(point.sum)}`;
  if (point.min !== undefined) text += `,"min":${formatNumber(point.min)}`;
  if (point.max !== undefined) text += `,"max":${formatNumber(point.max)}`;
  if (point.bounds !== undefined) text += `,"bounds":[${point.bounds.map(formatNumber).join(',')}]`;
  if (point.counts !== undefined) text += `,"counts":${JSON.stringify(point.counts)}`;
  if (point.scale !== undefined) text += `,"scale":${point.scale}`;
  if (point.zeroCount !== undefined) text += `,"zeroCount":${point.zeroCount}`;
  if (point.positive !== undefined) text += `,"positive":${formatBuckets(point.positive)}`;
  if (point.negative !== undefined) text += `,"negative":${formatBuckets(point.negative)}`;
  return text;
}

function formatBuckets(buckets: ExponentialBuckets): string {
  // JSON.stringify takes half the time of join: bench/exporter.mjs
  return `{"offset":${buckets.offset},"bucketCounts":${JSON.stringify(buckets.bucketCounts)}}`;
}

/** Scope and writer and the end of the line, newline included. */
export function formatEnd(scope: string | undefined, writer: string | undefined): string {
  const scoped = scope === undefined ? '' : `,"scope":${formatString(scope)}`;
  return writer === undefined ? `${scoped}}\n` : `${scoped},"writer":${formatString(writer)}}\n`;
}

/** A valid record as its line, newline included, however long: totals have more digits than what they are totals of. */
export function formatLine(record: MetricRecord): string {
  const { time, agent, metric, value, unit, type, attributes, temporality, start, scope, writer } = record;
  return (
    START_TEXT +
    new Date(time).toISOString() +
    formatHead(agent, metric) +
    formatNumber(value) +
    formatSeries(unit, type, attributes) +
    (temporality === undefined ? '' : ',"temporality":"cumulative"') +
    (start === undefined ? '' : formatStart(new Date(start).toISOString())) +
    formatHistogram(record) +
    formatEnd(scope, writer)
  );
}

/**
 * Formats a record as its canonical line, newline included.
 *
 * @throws MetricsError `ERR_METRICS_RECORD` where it breaks the rules in {@link MetricRecord} or its line would be
 * longer than 64 KiB.
 *
 * @public
 */
export function formatRecord(record: MetricRecord): string {
  const problem = recordProblem(record);
  if (problem !== undefined) throw new MetricsError('ERR_METRICS_RECORD', problem);
  const line = formatLine(record);
  const bytes = Buffer.byteLength(line);
  if (bytes <= MAX_LINE_BYTES) return line;
  throw new MetricsError(
    'ERR_METRICS_RECORD',
    `a record's line must be at most ${MAX_LINE_BYTES} bytes, got ${bytes}`,
  );
}

/** What breaks the rules in a record, if anything. */
export function recordProblem(record: MetricRecord): string | undefined {
  return (
    timeProblem('time', record.time) ??
    agentProblem(record.agent) ??
    metricProblem(record.metric) ??
    numberProblem('value', record.value) ??
    unitProblem(record.unit) ??
    attributesProblem(record.attributes) ??
    typeProblem(record) ??
    (record.start === undefined ? undefined : timeProblem('start', record.start)) ??
    textProblem('scope', record.scope) ??
    textProblem('writer', record.writer) ??
    histogramProblem(record)
  );
}

function timeProblem(name: string, time: unknown): string | undefined {
  if (typeof time === 'number' && Number.isInteger(time) && time >= MIN_TIME && time <= MAX_TIME)
    return undefined;
  return `${name} must be Unix milliseconds between the years 0 and 9999, got ${shown(time)}`;
}

function numberProblem(name: string, value: unknown): string | undefined {
  return typeof value === 'number' ? undefined : `${name} must be a number, got ${shown(value)}`;
}

function optionalNumber(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : numberProblem(name, value);
}

function textProblem(name: string, text: unknown): string | undefined {
  if (text === undefined || (typeof text === 'string' && text.length <= 1024)) return undefined;
  return `${name} must be a string of at most 1024 characters, got ${shown(text)}`;
}

function typeProblem({ type, temporality }: MetricRecord): string | undefined {
  if (type !== undefined && !RECORD_TYPES.includes(type)) {
    return `type must be one of ${RECORD_TYPES.join(', ')}, got ${shown(type)}`;
  }
  // A reader gets this from outside, so the type says less than the check.
  if (temporality === undefined || (temporality as string) === 'cumulative') return undefined;
  return `temporality must be "cumulative" or absent, got ${shown(temporality)}`;
}

/** What is wrong with the numbers of a histogram point, if anything. */
export function histogramProblem(point: Partial<MetricRecord>): string | undefined {
  const { type, count, sum, min, max } = point;
  const problem = optionalNumber('sum', sum) ?? optionalNumber('min', min) ?? optionalNumber('max', max);
  if (problem !== undefined) return problem;
  if (count !== undefined && !isCount(count))
    return `count must be a whole number from 0, got ${shown(count)}`;
  if (type === 'histogram') return explicitProblem(point);
  return type === 'exponential_histogram' ? exponentialProblem(point) : undefined;
}

function explicitProblem({ count, bounds, counts }: Partial<MetricRecord>): string | undefined {
  if (
    count === undefined ||
    !isCounts(counts) ||
    !Array.isArray(bounds) ||
    counts.length !== bounds.length + 1
  ) {
    return 'a histogram must have count, bounds, and one more of counts than of bounds';
  }
  const rising = (bounds as unknown[]).every(
    (bound, i) =>
      typeof bound === 'number' && !Number.isNaN(bound) && (i === 0 || bound > (bounds[i - 1] as number)),
  );
  return rising ? undefined : 'bounds of a histogram must rise';
}

function exponentialProblem({
  count,
  scale,
  zeroCount,
  positive,
  negative,
}: Partial<MetricRecord>): string | undefined {
  const ok =
    count !== undefined &&
    Number.isInteger(scale) &&
    Math.abs(scale as number) <= 32 &&
    isCount(zeroCount) &&
    [positive, negative].every((side) => side === undefined || isBuckets(side));
  return ok
    ? undefined
    : 'an exponential histogram must have count, scale, zeroCount and buckets of whole numbers';
}

function isBuckets(side: unknown): side is ExponentialBuckets {
  if (typeof side !== 'object' || side === null) return false;
  const { offset, bucketCounts } = side as Partial<ExponentialBuckets>;
  return Number.isInteger(offset) && Math.abs(offset as number) <= 2 ** 31 && isCounts(bucketCounts);
}

function isCounts(counts: unknown): counts is readonly number[] {
  if (!Array.isArray(counts)) return false;
  // a loop, since histograms have many: bench/exporter.mjs
  for (let i = 0; i < counts.length; i += 1) if (!isCount(counts[i])) return false;
  return true;
}

function isCount(count: unknown): count is number {
  return Number.isInteger(count) && (count as number) >= 0;
}
