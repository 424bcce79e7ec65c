import { readFileSync } from 'node:fs';
import { parseRecord } from '../parse.js';
import { formatLine, type MetricRecord } from '../record.js';
import type { CumulativeState, Metric } from '../otel/cumulative.js';
import type { Series } from '../otel/cumulative-series.js';
import { bootId, isPosition, type Position } from '../store/position.js';
import { replaceFile } from '../store/replace-file.js';
import type { InStepPosition, Skip } from './in-step.js';
import { LineFormatter, NO_AGENT } from './lines.js';
import type { Point } from './point.js';
import type { Resources } from './resources.js';
import { seriesOf, type Teller, type Telling } from './teller.js';

/** Changes when what is in a file changes its meaning. */
const VERSION = 1;

/** What each line behind the first is, by its first letter. Series that stand for all others have it in capitals. */
const LETTERS = {
  /** A series all of which was told earlier. */
  quiet: 's',
  /** A series of which something was not told yet. */
  changed: 'c',
  /** A series as it is told now. */
  told: 't',
  /** A point that is told now, of an agent and of none. */
  point: 'p',
  hostPoint: 'P',
  /** The last point of a cumulative stream, and of an up-down counter's writer. */
  stream: 'q',
  writer: 'w',
  resource: 'i',
} as const;

/** What a forwarder knows between two runs, beside what is in its series. */
export interface ForwardHeader extends InStepPosition {
  /** What the totals are of; totals of something else are worth nothing. */
  readonly subject: string;
  readonly directory: string;
  /** Whether totals are of one agent each. */
  readonly perAgent: boolean;
  /** Device and inode of files that may hold more than was read. */
  readonly unread: readonly string[];
  /** Unix milliseconds up to which all was told; null where nothing was. */
  readonly toldAt: number | null;
  /** End of the interval that is open; null where none is. */
  readonly openEnd: number | null;
  /** Names the points that are told now. */
  readonly outbox: string;
}

/** The parts of a forwarder that are saved and loaded together. */
export interface ForwardParts {
  readonly state: CumulativeState;
  readonly teller: Teller;
  readonly resources: Resources;
}

/** What was loaded. */
export interface Loaded {
  readonly header: ForwardHeader;
  /** Where to go on: nothing is known of files of another boot. */
  readonly position: Position;
  /** The points that were to be told. */
  readonly points: readonly Point[];
}

/** Saves and loads the state of a forwarder, in one file that a crash at any moment leaves as it was or whole. */
export class StateFile {
  readonly #path: string;
  readonly #formatter = new LineFormatter();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Saves all there is, and what is told now.
   *
   * @param at - When the points are of, in Unix milliseconds.
   * @throws a system error where it cannot be written.
   */
  save(header: ForwardHeader, parts: ForwardParts, telling: Telling, at: number): void {
    replaceFile(this.#path, this.#lines(header, parts, telling, at));
  }

  /**
   * Loads what was saved into parts that are empty.
   *
   * @param wanted - Subject and directory; of another directory nothing is loaded, and of another subject no series.
   * @returns What was loaded; undefined where there is nothing; a text where it is damaged.
   * @throws a system error where it cannot be read.
   */
  load(
    parts: ForwardParts,
    wanted: Pick<ForwardHeader, 'subject' | 'directory'>,
  ): Loaded | string | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const lines = text.split('\n');
    const header = parseHeader(lines[0]!);
    if (header === undefined || lines.at(-2) !== 'end')
      return `${this.#path} is damaged: forwarding begins anew`;
    if (header.directory !== wanted.directory) {
      return `${this.#path} is of the shards in ${header.directory}: forwarding begins anew`;
    }
    const points: Point[] = [];
    for (let i = 1; i < lines.length - 2; i += 1) {
      const letter = lines[i]![0]!;
      const record = parseRecord(lines[i]!.slice(1));
      if (record === undefined) return `${this.#path} is damaged: forwarding begins anew`;
      const point = pointIn(letter, record, header.perAgent);
      if (point !== undefined) points.push(point);
      if (isSeries(letter) && header.subject !== wanted.subject) continue;
      load(letter, record, parts, header.openEnd ?? record.time);
    }
    parts.state.streams.forgottenUntil = header.forgottenUntil ?? -Infinity;
    const boot = bootId();
    const { position } = header;
    return { header, position: position.boot === boot ? position : { boot, files: [] }, points };
  }

  *#lines(
    header: ForwardHeader,
    { state, resources }: Pick<ForwardParts, 'state' | 'resources'>,
    { loose, kept }: Telling,
    at: number,
  ): Generator<string, void, undefined> {
    const { forgottenUntil } = state.streams;
    yield `${JSON.stringify({
      version: VERSION,
      ...header,
      forgottenUntil: Number.isFinite(forgottenUntil) ? forgottenUntil : null,
    })}\n`;
    for (const point of loose) {
      const { agent } = point;
      const letter = agent === undefined ? LETTERS.hostPoint : LETTERS.point;
      yield letter + formatLine({ ...point, agent: agent ?? NO_AGENT });
    }
    for (const metric of state.metrics()) {
      for (const series of seriesOf(metric)) {
        yield this.#seriesLine(metric, series, kept.get(series), at);
        for (const last of series.lasts()) {
          yield LETTERS.writer + formatLine({ ...last, writer: last.writer ?? NO_AGENT });
        }
      }
    }
    for (const point of state.streams.points()) yield LETTERS.stream + formatLine(point);
    for (const record of resources.records()) yield LETTERS.resource + formatLine(record);
    yield 'end\n';
  }

  #seriesLine(metric: Metric, series: Series, point: Point | undefined, at: number): string {
    const letter = point !== undefined ? LETTERS.told : series.changed ? LETTERS.changed : LETTERS.quiet;
    const { name, type, unit } = metric;
    const identity = { metric: name, type, unit, ...series.identity };
    const numbers = point ?? series.total?.numbers() ?? { value: series.value };
    const time = point === undefined ? series.time : at;
    const line = this.#formatter.line(series, identity, numbers, time, {
      start: Math.min(series.start, time),
    });
    return (series === metric.overflow ? letter.toUpperCase() : letter) + line;
  }
}

function isSeries(letter: string): boolean {
  const { quiet, changed, told, writer } = LETTERS;
  return [quiet, changed, told, writer].some((known) => known === letter.toLowerCase());
}

/** The point that a line is, where it is one. */
function pointIn(letter: string, record: MetricRecord, perAgent: boolean): Point | undefined {
  const { agent, type = 'gauge', attributes = {}, writer: _writer, start, ...rest } = record;
  const point = { ...rest, type, attributes, start: type === 'gauge' ? undefined : start };
  if (letter === LETTERS.hostPoint) return point;
  if (letter === LETTERS.point) return { ...point, agent };
  if (letter.toLowerCase() !== LETTERS.told) return undefined;
  const whose = letter === LETTERS.told && (perAgent || type === 'gauge') ? agent : undefined;
  return { ...point, agent: whose, ...(type !== 'gauge' && { temporality: 'cumulative' }) };
}

/** Puts back what is no point alone. */
function load(letter: string, record: MetricRecord, parts: ForwardParts, now: number): void {
  const { state, teller, resources } = parts;
  if (letter === LETTERS.resource) resources.add([record]);
  else if (letter === LETTERS.stream) state.streams.restore(state.streamOf(record), record);
  else if (isSeries(letter)) {
    const metric = state.metricOf(record, now);
    // fewer may be kept than when it was saved
    if (metric === undefined) return;
    const overflow = letter !== letter.toLowerCase();
    const series = overflow ? state.overflowOf(metric, record, now) : state.seriesOf(metric, record, now);
    if (letter === LETTERS.writer) {
      series.setLast(record);
      return;
    }
    if (metric.type === 'gauge') series.set(record.value, record.time, now);
    else series.total!.add(record);
    series.time = Math.max(series.time, record.time);
    series.changed = letter.toLowerCase() === LETTERS.changed;
    teller.restore(series, record.time);
  }
}

function parseHeader(line: string): (ForwardHeader & { forgottenUntil: number | null }) | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const header = json as Record<string, unknown>;
  const { version, position, skips, unread, toldAt, openEnd, outbox } = header;
  const whole =
    version === VERSION &&
    isPosition(position) &&
    Array.isArray(skips) &&
    skips.every(isSkip) &&
    Array.isArray(unread) &&
    unread.every((key) => typeof key === 'string') &&
    [toldAt, openEnd].every((time) => time === null || typeof time === 'number') &&
    typeof outbox === 'string';
  return whole ? (header as unknown as ForwardHeader & { forgottenUntil: number | null }) : undefined;
}

function isSkip(json: unknown): json is Skip {
  const { file, start, records } = (json ?? {}) as Record<string, unknown>;
  return typeof file === 'string' && Number.isSafeInteger(start) && Number.isSafeInteger(records);
}
