import { readSync } from 'node:fs';
import { parseTime } from '../parse.js';
import { START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from '../record.js';
import type { Segment } from '../store/segments.js';

/**
 * Whether everything that was stored from a time on is in the files that are open.
 *
 * @remarks
 * What is stored in a shard from the first record of its live file on is in that file. A shard without a live file had no
 * records since the live file of another one was made: a boot, or whoever empties the directory, takes all of them.
 */
export function isAllIn(files: readonly Segment[], time: number): boolean {
  const live = files.filter(({ date }) => date === undefined);
  return live.length > 0 && live.every(({ fd }) => firstTime(fd) <= time);
}

/** Time of the record that a file begins with; infinity where it begins with none. */
function firstTime(fd: number): number {
  const head = Buffer.alloc(TIMESTAMP_END);
  const text = head.toString('latin1', 0, readSync(fd, head, 0, TIMESTAMP_END, 0));
  const time = text.startsWith(START_TEXT) ? parseTime(text.slice(TIMESTAMP_START)) : NaN;
  return Number.isNaN(time) ? Infinity : time;
}
