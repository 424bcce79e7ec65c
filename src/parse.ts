import { type MetricRecord, recordProblem } from './record.js';

const NUMBER_WORDS = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

/**
 * Parses a line of any form that is valid.
 *
 * @param line - One line without its newline.
 * @returns The record, or undefined where the line is none: torn, foreign, or breaking the rules of
 * {@link MetricRecord}. Keys that mean nothing here are ignored.
 *
 * @public
 */
export function parseRecord(line: string): MetricRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { timestamp, value, start, sum, min, max, bounds, ...rest } = json as Record<string, unknown>;
  const record = {
    time: parseTime(timestamp),
    agent: rest['agent'],
    metric: rest['metric'],
    value: parseNumber(value),
    unit: rest['unit'],
    type: rest['type'],
    attributes: rest['attributes'],
    temporality: rest['temporality'],
    start: start === undefined ? undefined : parseTime(start),
    count: rest['count'],
    sum: parseNumber(sum),
    min: parseNumber(min),
    max: parseNumber(max),
    bounds: Array.isArray(bounds) ? bounds.map(parseNumber) : bounds,
    counts: rest['counts'],
    scale: rest['scale'],
    zeroCount: rest['zeroCount'],
    positive: rest['positive'],
    negative: rest['negative'],
    scope: rest['scope'],
    writer: rest['writer'],
  } as MetricRecord;
  return recordProblem(record) === undefined ? record : undefined;
}

/** A number, or one of the three words that stand for what JSON cannot write; anything else as it is. */
function parseNumber(value: unknown): unknown {
  if (typeof value === 'string') return NUMBER_WORDS.get(value) ?? value;
  // JSON.parse reads 1e999 as Infinity, which nobody wrote.
  return value === Infinity || value === -Infinity ? null : value;
}

/** Reads a timestamp in the one form that is written; NaN where it is none. */
export function parseTime(timestamp: unknown): number {
  if (typeof timestamp !== 'string' || timestamp.length !== 24) return NaN;
  const time = Date.parse(timestamp);
  // Date.parse takes more than one form of 24 characters; only the one that we write is ours.
  return !Number.isNaN(time) && new Date(time).toISOString() === timestamp ? time : NaN;
}
