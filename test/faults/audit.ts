import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricRecord } from '../../src/record.js';
import { CHUNK_BYTES, LineDecoder } from '../../src/store/lines.js';
import { parseName } from '../../src/store/shard.js';
import { padding } from './padding.js';

/** What writers said of their records. */
export interface Acknowledged {
  /** Numbers of the stored records of each writer. */
  readonly stored: ReadonlyMap<string, readonly number[]>;
  readonly refused: number;
  /** Stored records of all writers. */
  readonly records: number;
  /** What those writers counted as dropped that came to their end. */
  readonly dropped: number;
}

/** Reads the acknowledgements of all writers; the file of each has its name. */
export function readAcknowledged(directory: string): Acknowledged {
  const stored = new Map<string, number[]>();
  let refused = 0;
  let records = 0;
  let dropped = 0;
  for (const writer of readdirSync(directory)) {
    // What has no newline was not said to the end.
    const lines = readFileSync(join(directory, writer), 'utf8').split('\n').slice(0, -1);
    const numbers = lines.filter((line) => /^\d/.test(line)).map(Number);
    stored.set(writer, numbers);
    records += numbers.length;
    refused += lines.filter((line) => line.startsWith('!')).length;
    const last = lines.at(-1) ?? '';
    if (last.startsWith('= {"')) dropped += sumOf((JSON.parse(last.slice(2)) as { dropped: object }).dropped);
  }
  return { stored, refused, records, dropped };
}

function sumOf(counts: object): number {
  return Object.values(counts).reduce((total: number, count) => total + Number(count), 0);
}

/** A record of a writer, and where it stands. */
export interface Found {
  readonly writer: string;
  readonly sequence: number;
  readonly time: number;
  readonly file: string;
  /** Offset behind the chunk in which it was read. */
  readonly end: number;
}

/** All records of a directory, and what is not one. */
export class Inventory {
  readonly decoder = new LineDecoder();
  readonly found: Found[] = [];
  readonly failures: string[] = [];
  /** Files that end with a torn record. */
  tornEnds = 0;
  /** Records that tell of dropped ones, added up. */
  dropped = 0;
  files = 0;

  /** Torn records, as readers count them. */
  get torn(): number {
    return this.decoder.counts.torn + this.decoder.counts.foreign + this.tornEnds;
  }

  /** Reads a directory's segments and live files, or an archive's copies. */
  readDirectory(directory: string): void {
    for (const name of readdirSync(directory)) {
      if (parseName(name) !== undefined || /^\d+\.jsonl$/.test(name)) this.#readFile(directory, name);
    }
  }

  #readFile(directory: string, name: string): void {
    const bytes = readFileSync(join(directory, name));
    this.files += 1;
    let offset = 0;
    while (offset < bytes.length) {
      const chunk = bytes.subarray(offset, offset + CHUNK_BYTES);
      const records: MetricRecord[] = [];
      const done = this.decoder.decode(chunk, chunk.length === CHUNK_BYTES, records);
      if (done === 0) break;
      offset += done;
      for (const record of records) this.#take(record, name, offset);
    }
    if (offset < bytes.length) this.tornEnds += 1;
  }

  #take(record: MetricRecord, file: string, end: number): void {
    const { metric, attributes = {}, value: sequence, time } = record;
    if (metric === 'cfn.metrics.dropped') {
      this.dropped += sequence;
      return;
    }
    const { pad, w: writer } = attributes;
    const whole = typeof pad === 'string' && pad === padding(pad.length) && typeof writer === 'string';
    if (metric !== 'faults.seq' || !whole) {
      this.failures.push(`${file} has a record that nobody wrote: ${JSON.stringify(record).slice(0, 200)}`);
      return;
    }
    this.found.push({ writer, sequence, time, file, end });
  }
}

/** Compares what was said with what is there. */
export function compare(
  { stored }: Acknowledged,
  found: readonly { readonly writer: string; readonly sequence: number }[],
): { lost: number; duplicated: number; example: string | undefined } {
  const present = new Map<string, Set<number>>();
  let duplicated = 0;
  for (const { writer, sequence } of found) {
    let numbers = present.get(writer);
    if (numbers === undefined) present.set(writer, (numbers = new Set()));
    if (numbers.has(sequence)) duplicated += 1;
    numbers.add(sequence);
  }
  let lost = 0;
  let example: string | undefined;
  for (const [writer, numbers] of stored) {
    const missing = numbers.filter((sequence) => present.get(writer)?.has(sequence) !== true);
    lost += missing.length;
    if (missing.length > 0) example ??= `${writer} ${missing[0]} of ${numbers.length}`;
  }
  return { lost, duplicated, example };
}
