import { readSync } from 'node:fs';
import type { MetricRecord } from '../record.js';
import { LineDecoder } from './lines.js';

/** How much of a file is searched for its first record. */
const HEAD_BYTES = 131_072;

/** Time of the first record of a file, in Unix milliseconds; undefined where there is none near its beginning. */
export function firstTime(fd: number): number | undefined {
  const buffer = Buffer.allocUnsafe(HEAD_BYTES);
  const records: MetricRecord[] = [];
  new LineDecoder().decode(buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0)), false, records);
  return records[0]?.time;
}
