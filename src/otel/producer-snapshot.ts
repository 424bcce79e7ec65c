import { shown } from '../options.js';
import { parseRecord } from '../parse.js';
import { formatLine, type MetricRecord } from '../record.js';
import { loadPosition, type Position, savePosition } from '../store/position.js';
import type { CumulativeState, Metric } from './cumulative.js';
import type { Series } from './cumulative-series.js';

/** Changes when what is in a snapshot changes its meaning. */
const VERSION = 1;
/** Stands for the agent of a series that is of no single one. */
const NO_AGENT = '-';

/** Where the shards were read to, and what all of it up to there adds up to: one cannot be saved without the other. */
interface Snapshot extends Position {
  readonly version: number;
  /** The view and the directory that it is of. */
  readonly subject: string;
  /** A record a series. */
  readonly series: readonly string[];
  /** A record an overflow series. */
  readonly overflow: readonly string[];
  /** A record a cumulative stream: its last point. */
  readonly streams: readonly string[];
  readonly forgottenUntil: number | null;
}

/**
 * Saves a state and the position it was read up to in one file, which a crash at any moment leaves as it was or whole.
 *
 * @throws a system error where it cannot be written.
 */
export function saveSnapshot(
  path: string,
  position: Position,
  state: CumulativeState,
  subject: string,
): void {
  const series: string[] = [];
  const overflow: string[] = [];
  const streams: string[] = [];
  for (const metric of state.metrics()) {
    for (const each of metric.series.values()) saveSeries(metric, each, series, streams);
    if (metric.overflow !== undefined) saveSeries(metric, metric.overflow, overflow, streams);
  }
  for (const point of state.streams.points()) streams.push(formatLine(point));
  const { forgottenUntil } = state.streams;
  const snapshot: Snapshot = {
    ...position,
    ...{ version: VERSION, subject, series, overflow, streams },
    forgottenUntil: Number.isFinite(forgottenUntil) ? forgottenUntil : null,
  };
  savePosition(path, snapshot);
}

/**
 * Loads what was saved into an empty state.
 *
 * @returns Where to go on reading; undefined where there is no snapshot, or none of this boot that is whole. Then the state must be
 * thrown away, for it may have been filled in part.
 * @throws an error where it is of another subject; a system error where it cannot be read.
 */
export function loadSnapshot(
  path: string,
  state: CumulativeState,
  subject: string,
  now: number,
): Position | undefined {
  const snapshot = loadPosition(path) as Snapshot | undefined;
  if (snapshot?.version !== VERSION) return undefined;
  if (snapshot.subject !== subject)
    throw new Error(`it is of ${shown(snapshot.subject)}, not of ${shown(subject)}`);
  const series = parseAll(snapshot.series);
  const overflow = parseAll(snapshot.overflow);
  const streams = parseAll(snapshot.streams);
  if (series === undefined || overflow === undefined || streams === undefined) return undefined;
  for (const record of series) restore(state, record, false, now);
  for (const record of overflow) restore(state, record, true, now);
  for (const record of streams) {
    if (record.type === 'updowncounter') restore(state, record, false, now);
    else state.streams.restore(state.streamOf(record), record);
  }
  state.streams.forgottenUntil = snapshot.forgottenUntil ?? -Infinity;
  return { boot: snapshot.boot, files: snapshot.files };
}

function restore(state: CumulativeState, record: MetricRecord, overflow: boolean, now: number): void {
  const metric = state.metricOf(record, now);
  // fewer may be kept than when it was saved
  if (metric === undefined) return;
  const series = overflow ? state.overflowOf(metric, record, now) : state.seriesOf(metric, record, now);
  if (metric.type === 'gauge') series.set(record.value, record.time, now);
  else if (record.writer !== undefined) series.setLast(record);
  else series.total!.add(record);
  series.time = Math.max(series.time, Math.min(record.time, now));
}

function saveSeries(metric: Metric, series: Series, lines: string[], streams: string[]): void {
  const { identity, time, start, value } = series;
  const { name, type, unit } = metric;
  const { agent = NO_AGENT, scope, attributes } = identity;
  const numbers = series.total?.numbers() ?? { value };
  lines.push(
    formatLine({
      time,
      agent,
      metric: name,
      unit,
      type,
      scope,
      ...numbers,
      attributes: { ...attributes },
      start,
    }),
  );
  for (const last of series.lasts()) streams.push(formatLine({ ...last, writer: last.writer ?? NO_AGENT }));
}

function parseAll(lines: unknown): MetricRecord[] | undefined {
  if (!Array.isArray(lines)) return undefined;
  const records = lines.map((line) => (typeof line === 'string' ? parseRecord(line) : undefined));
  return records.every((record) => record !== undefined) ? records : undefined;
}
