import type { Segment } from '../store/segments.js';
import { firstTime } from './history-plain.js';

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
