import { LineParser } from '../line-parser.js';
import { parseRecord } from '../parse.js';
import { RecordList, type RecordSink } from '../points.js';
import { type MetricRecord, START_TEXT } from '../record.js';
import type { Older } from './older.js';

const NEWLINE = 0x0a;

/** Bytes read at once; a line and what is glued to it fit several times. */
export const CHUNK_BYTES = 262_144;

/**
 * What a reader came across.
 *
 * @public
 */
export interface LineCounts {
  /** Whole records. */
  records: number;
  /** Records that were cut off: their writer was killed, or the file system was full. */
  torn: number;
  /** Lines, or pieces of one, that are no record at all, or longer than one may be. */
  foreign: number;
}

/** What a {@link LineDecoder} can be told of a chunk. */
export interface DecodeOptions {
  /** Receives of each record where its line begins and where it ends, newline included. */
  readonly spans?: number[] | undefined;
  /** Which records are passed over, and count nowhere. */
  readonly older?: Older | undefined;
}

/**
 * Turns bytes of a shard into records, and counts what is none.
 *
 * @remarks
 * A killed writer leaves the beginning of a record without its newline, and the next writer's record follows on the
 * same line. Such a line is cut at the start text, which stands nowhere inside a record. Only its last piece ended
 * with a newline, so only that one can be whole: the others are torn even where they happen to parse, for whoever
 * wrote them was not told that they are stored, and may have stored them again.
 */
export class LineDecoder {
  readonly #parser = new LineParser();
  /** What was seen so far. */
  readonly counts: LineCounts = { records: 0, torn: 0, foreign: 0 };
  /** Time of the last record in the last chunk, in Unix milliseconds; -Infinity where it had none. */
  lastTime = -Infinity;

  /**
   * Decodes all whole lines in a chunk.
   *
   * @param bytes - A chunk that begins at the beginning of a line.
   * @param full - Whether the chunk was cut off because it was as large as chunks get.
   * @param records - Receives the records.
   * @param options - What is wanted beside the records, and which of them.
   * @returns How many bytes are done with; the rest is the beginning of a line, to be looked at again with what
   * follows it.
   */
  decode(bytes: Buffer, full: boolean, records: MetricRecord[], options: DecodeOptions = {}): number {
    const list = new RecordList();
    const done = this.feed(bytes, full, list, options);
    for (const record of list.take()) records.push(record);
    return done;
  }

  /** Does what {@link LineDecoder.decode} does, and hands the records over to a sink. */
  feed(bytes: Buffer, full: boolean, sink: RecordSink, options: DecodeOptions = {}): number {
    this.lastTime = -Infinity;
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end === 0) return full ? this.#skipLong(bytes) : 0;
    const lines = end === bytes.length ? bytes : bytes.subarray(0, end);
    const { spans, older } = options;
    const { counts } = this;
    const parser = this.#parser;
    const view = parser.use(lines);
    for (let start = 0; start < end; start = parser.end) {
      while (older?.at(view, start) === true) start = older.next(lines, start);
      if (start === end) break;
      const series = parser.series(start);
      if (series !== undefined) {
        counts.records += 1;
        this.lastTime = parser.time;
        sink.point(series, parser.time, parser.value);
        spans?.push(start, parser.end);
        continue;
      }
      const parsed = parser.parse(start);
      const torn = typeof parsed === 'string';
      const record = torn ? this.#salvage(parsed) : parsed;
      if (record === undefined) continue;
      counts.records += 1;
      this.lastTime = record.time;
      sink.add(record);
      spans?.push(torn ? bytes.lastIndexOf(START_TEXT, parser.end - 1) : start, parser.end);
    }
    return end;
  }

  #salvage(line: string): MetricRecord | undefined {
    if (line === '') return undefined;
    const pieces = line.split(START_TEXT);
    if (pieces[0] !== '') this.counts.foreign += 1;
    if (pieces.length === 1) return undefined;
    this.counts.torn += pieces.length - 2;
    const record = parseRecord(START_TEXT + (pieces.at(-1) ?? ''));
    if (record === undefined) this.counts.torn += 1;
    return record;
  }

  /** Of a line that fills a whole chunk only what begins with the last start text can still become a record. */
  #skipLong(bytes: Buffer): number {
    this.counts.foreign += 1;
    const last = bytes.lastIndexOf(START_TEXT);
    return last > 0 ? last : bytes.length - START_TEXT.length;
  }
}
