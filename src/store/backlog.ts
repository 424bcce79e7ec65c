import { TIMESTAMP_END, TIMESTAMP_START } from '../record.js';
import type { Appender } from './appender.js';

/** One line that waits to be stored. */
export interface Line {
  /** The whole line, newline included. */
  readonly text: string;
  /** Series of a gauge or cumulative point: while it waits, a newer line of the same series takes its place. */
  readonly gauge?: string | undefined;
}

/** UTF-8 needs at most so many bytes for a UTF-16 unit. */
const BYTES_A_CHAR = 3;
/** Lines are encoded so many characters at a time: fewer calls than lines, and no string that is large to V8. */
const CHUNK_CHARS = 16_384;
/** What waits is stored so much at a time. */
const PIECE_CHARS = 65_536;
/** Memory for a batch that is kept for the next one, in bytes. */
const MAX_MEMORY = 2 * 1024 * 1024;

/**
 * Appends lines, keeps those that were not wholly stored, and stores them first the next time.
 *
 * @remarks
 * Nothing is stored twice, since only lines that are whole in the file count as stored; the beginning of a line that a full
 * disk cut off is no record to any reader. A kept line gets the time of its append as timestamp, so that files stay
 * nearly ordered; its `start` says when its interval began.
 */
export class Backlog {
  readonly #appender: Appender;
  readonly #maxBytes: number;
  readonly #kept = new Map<number, Line[]>();
  #bytes = 0;
  #memory = Buffer.alloc(0);

  /**
   * Wraps an appender.
   *
   * @param appender - Where lines go.
   * @param maxBytes - How much may wait, over all shards; what does not fit is lost, and said so.
   */
  constructor(appender: Appender, maxBytes: number) {
    this.#appender = appender;
    this.#maxBytes = maxBytes;
  }

  /** How many lines wait. */
  get size(): number {
    let lines = 0;
    for (const kept of this.#kept.values()) lines += kept.length;
    return lines;
  }

  /** Shards for which lines wait. */
  get shards(): number[] {
    return [...this.#kept.keys()];
  }

  /** Gives up what waits, and says how many lines that were. */
  clear(): number {
    const lines = this.size;
    this.#kept.clear();
    this.#bytes = 0;
    return lines;
  }

  /** How many lines wait for one shard. */
  waiting(shard: number): number {
    return this.#kept.get(shard)?.length ?? 0;
  }

  /**
   * Appends what waits for a shard, then these lines.
   *
   * @param shard - The shard.
   * @param lines - New lines, perhaps none.
   * @param timestamp - Now, for what waits.
   * @returns How many lines were stored, and how many were lost because no more could be kept.
   */
  append(shard: number, lines: readonly Line[], timestamp: string): { stored: number; lost: number } {
    const late = this.#storeKept(shard, lines, timestamp);
    // Behind those that wait, so that a shard's lines keep their order.
    const fresh = this.#kept.has(shard) || lines.length === 0 ? 0 : this.#store(shard, lines);
    return { stored: late + fresh, lost: fresh === lines.length ? 0 : this.#keep(shard, lines.slice(fresh)) };
  }

  /** In pieces, up to the first that finds no room: to compose all that waits each time would take the host's time. */
  #storeKept(shard: number, newer: readonly Line[], timestamp: string): number {
    const kept = this.#kept.get(shard);
    if (kept === undefined) return 0;
    const current = superseded(kept, newer);
    let stored = 0;
    while (stored < current.length) {
      const piece = restamped(pieceOf(current, stored), timestamp);
      const whole = this.#store(shard, piece);
      stored += whole;
      if (whole < piece.length) break;
    }
    const rest = stored === 0 ? current : current.slice(stored);
    if (rest !== kept) {
      this.#bytes -= charsOf(kept) - charsOf(rest);
      if (rest.length === 0) this.#kept.delete(shard);
      else this.#kept.set(shard, rest);
    }
    return stored;
  }

  /** Appends as one write, and says how many lines of it are whole in the file. */
  #store(shard: number, lines: readonly Line[]): number {
    const batch = this.#encode(lines);
    let bytes = this.#appender.append(shard, batch);
    if (bytes === batch.length) return lines.length;
    let stored = 0;
    for (const line of lines) {
      bytes -= Buffer.byteLength(line.text);
      if (bytes < 0) break;
      stored += 1;
    }
    return stored;
  }

  /** Piece by piece into memory that is used again: a string of a whole batch costs more than writing it. */
  #encode(lines: readonly Line[]): Buffer {
    const chars = charsOf(lines);
    let memory = this.#memory;
    if (memory.length < chars * BYTES_A_CHAR) {
      memory = Buffer.allocUnsafeSlow(chars * BYTES_A_CHAR);
      if (memory.length <= MAX_MEMORY) this.#memory = memory;
    }
    let size = 0;
    let text = '';
    for (const line of lines) {
      text += line.text;
      if (text.length < CHUNK_CHARS) continue;
      size += memory.write(text, size, 'utf8');
      text = '';
    }
    size += memory.write(text, size, 'utf8');
    return memory.subarray(0, size);
  }

  #keep(shard: number, lines: readonly Line[]): number {
    const kept = this.#kept.get(shard) ?? [];
    let lost = 0;
    for (const line of lines) {
      if (this.#bytes + line.text.length > this.#maxBytes) {
        lost += 1;
        continue;
      }
      this.#bytes += line.text.length;
      kept.push(line);
    }
    if (kept.length > 0) this.#kept.set(shard, kept);
    return lost;
  }
}

function charsOf(lines: readonly Line[]): number {
  let chars = 0;
  for (const line of lines) chars += line.text.length;
  return chars;
}

/** So many lines from one on as one write is made of. */
function pieceOf(lines: readonly Line[], from: number): readonly Line[] {
  let [to, chars] = [from, 0];
  for (; to < lines.length && chars < PIECE_CHARS; to += 1) chars += lines[to]!.text.length;
  return lines.slice(from, to);
}

function superseded(kept: Line[], lines: readonly Line[]): Line[] {
  const newer = new Set<string>();
  for (const { gauge } of lines) if (gauge !== undefined) newer.add(gauge);
  return newer.size === 0 ? kept : kept.filter(({ gauge }) => gauge === undefined || !newer.has(gauge));
}

function restamped(lines: readonly Line[], timestamp: string): Line[] {
  return lines.map(({ text, gauge }) => ({
    text: text.slice(0, TIMESTAMP_START) + timestamp + text.slice(TIMESTAMP_END),
    gauge,
  }));
}
