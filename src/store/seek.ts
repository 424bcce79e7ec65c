import { readSync } from 'node:fs';
import { START_TEXT, TIMESTAMP_END, TIMESTAMP_START } from '../record.js';

/** Bytes to look at around a place; it doubles until a record begins in them. */
const PROBE_BYTES = 4096;
/** Bytes to search for a newline at once. */
const TAIL_BYTES = 65_536;
/** Where the search stops: reading this much costs less than another probe. */
const CLOSE_BYTES = 4096;

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
  // The line that reading may begin with, for it is older; at first the one that all files begin with.
  let begin = 0;
  let low = 0;
  let high = size;
  for (let step = CLOSE_BYTES; step < size; step *= 4) {
    const found = probe(fd, size - step, size);
    if (found.time < time) {
      low = size - step;
      begin = found.offset;
      break;
    }
    high = size - step;
  }
  while (high - low > CLOSE_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const found = probe(fd, middle, size);
    if (found.time < time) {
      low = middle;
      begin = found.offset;
    } else {
      high = middle;
    }
  }
  return begin;
}

/**
 * Finds the end of the last whole line.
 *
 * @returns The offset behind the last newline, 0 where there is none.
 */
export function lastLineEnd(fd: number, size: number): number {
  const buffer = Buffer.allocUnsafe(TAIL_BYTES);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - buffer.length);
    const bytes = readSync(fd, buffer, 0, end - start, start);
    const newline = buffer.subarray(0, bytes).lastIndexOf('\n');
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

/**
 * Finds where the first line begins that begins at an offset or behind it.
 *
 * @param to - Where it ends to matter: given where no line begins before.
 */
export function nextLine(fd: number, offset: number, to: number): number {
  const buffer = Buffer.allocUnsafe(PROBE_BYTES);
  for (let start = offset - 1; start < to;) {
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, to - start), start);
    const newline = buffer.subarray(0, length).indexOf('\n');
    if (newline >= 0) return start + newline + 1;
    if (length === 0) break;
    start += length;
  }
  return to;
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
