import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecord } from '../../src/parse.js';
import type { MetricRecord } from '../../src/record.js';
import { parseName } from '../../src/store/shard.js';

/** All lines of a directory's shards, exactly as stored. */
export function storedLines(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => parseName(name) !== undefined)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1));
}

/** All records of a directory's shards; a line that is none fails the test. */
export function storedRecords(directory: string): MetricRecord[] {
  return storedLines(directory).map((line) => {
    const record = parseRecord(line);
    if (record === undefined) throw new Error(`no record: ${line}`);
    return record;
  });
}
