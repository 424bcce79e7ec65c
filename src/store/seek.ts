import { readSync } from 'node:fs';
import { START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from '../record.js';

/** Bytes to look at around a place; it doubles until a record begins in them. */
const PROBE_BYTES = 4096;
/** Where the search stops: reading this much costs less than another probe. */
const CLOSE_BYTES = 16_384;

const LINE_START = `\n${START_TEXT}`;

/**
 * Finds where to begin reading a nearly ordered file to see every record from a time on.
 *
 * @remarks
 * Goes back from the end in growing steps until a record is older, then halves the last step: what is asked for is most
 * often near the end, and its cost must not depend on the history before it.
 *
 * @param fd - The open file.
 * @param size - Its size in bytes.
 * @param time - Unix milliseconds, the slack for late lines already taken off.
 * @returns The offset of the beginning of a line.
 */
export function seekTime(fd: number, size: number, time: number): number {
  let step = CLOSE_BYTES;
  let high = size;
  let low = Math.max(0, size - step);
  while (low > 0 && !(probe(fd, low, size).time < time)) {
    high = low;
    step *= 4;
    low = Math.max(0, size - step);
  }
  while (high - low > CLOSE_BYTES) {
    const middle = Math.floor((low + high) / 2);
    if (probe(fd, middle, size).time < time) low = middle;
    else high = middle;
  }
  return low === 0 ? 0 : probe(fd, low, size).offset;
}

/**
 * Finds the end of the last whole line.
 *
 * @returns The offset behind the last newline, 0 where there is none.
 */
export function lastLineEnd(fd: number, size: number): number {
  const buffer = Buffer.allocUnsafe(CLOSE_BYTES);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - buffer.length);
    const bytes = readSync(fd, buffer, 0, end - start, start);
    const newline = buffer.subarray(0, bytes).lastIndexOf('\n');
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

/** The first line that begins behind an offset: where, and its time; at the end of the file infinity. */
function probe(fd: number, offset: number, size: number): { offset: number; time: number } {
  for (let length = PROBE_BYTES; ; length *= 2) {
    const buffer = Buffer.allocUnsafe(Math.min(length, size - offset));
    const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, offset));
    for (let at = text.indexOf(LINE_START); at >= 0; at = text.indexOf(LINE_START, at + 1)) {
      const stamp = text.slice(at + 1 + TIMESTAMP_START, at + 1 + TIMESTAMP_END);
      const time = stamp.length === 24 ? Date.parse(stamp) : NaN;
      if (!Number.isNaN(time)) return { offset: offset + at + 1, time };
    }
    if (offset + length >= size) return { offset, time: Infinity };
  }
}
