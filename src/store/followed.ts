import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricRecord } from '../record.js';
import { CHUNK_BYTES, type LineDecoder } from './lines.js';
import { type FilePosition, hashHead, HEAD_BYTES } from './position.js';
import { openSegment, type Segment, type UnreadableFile, unreadableBy } from './segments.js';

/** One file that is followed by its inode, whatever its name becomes. */
export class FollowedFile {
  /** Device and inode. */
  readonly key: string;
  /** Its name when it was last listed. */
  name: string;
  /** Monotonic time of the last growth. */
  grewAt: number;
  /** Monotonic time since which its name is gone. */
  goneAt: number | undefined;
  /** How large it was when it was looked at last. */
  seen: number;
  /** What went wrong when it was looked at last; undefined where nothing did. */
  unreadable: UnreadableFile | undefined;
  readonly #directory: string;
  readonly #dev: bigint;
  readonly #ino: bigint;
  readonly #history: number;
  /** What the file begins with, as far as it was read. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #offset = 0;
  #confirmed = 0;
  #known = 0;
  /** Up to here there was no whole line behind what was read. */
  #barren = 0;
  #fd: number | undefined;

  /**
   * Begins to follow an open file.
   *
   * @param directory - Where it is.
   * @param segment - The open file; closing it is this object's business from now on.
   * @param offset - Where to begin.
   * @param history - Up to here stands what was there at the beginning, which may hold more than is wanted.
   * @param now - Monotonic time.
   */
  constructor(directory: string, segment: Segment, offset: number, history: number, now: number) {
    const { dev, ino } = fstatSync(segment.fd, { bigint: true });
    this.#directory = directory;
    this.#dev = dev;
    this.#ino = ino;
    this.#history = history;
    this.#fd = segment.fd;
    this.#goTo(offset);
    this.confirm();
    this.key = `${dev}:${ino}`;
    this.name = segment.name;
    this.grewAt = now;
    this.seen = segment.stat.size;
  }

  /** Offset behind the last line that was read. */
  get end(): number {
    return this.#offset;
  }

  /** Bytes that were seen and not looked at. */
  get unread(): number {
    return Math.max(0, this.seen - Math.max(this.#offset, this.#barren));
  }

  /** Behind the last line that was read and confirmed. */
  get position(): FilePosition {
    return this.positionAt(this.#confirmed);
  }

  /** As the position is when everything up to an offset, of what was read, is confirmed. */
  positionAt(offset: number): FilePosition {
    const head = hashHead(this.#head.subarray(0, Math.min(offset, this.#known)));
    return { dev: `${this.#dev}`, ino: `${this.#ino}`, offset, head };
  }

  /** Says that what was read so far was taken. */
  confirm(): void {
    this.#confirmed = this.#offset;
  }

  /** Whether what was read last stood there at the beginning already. */
  get inHistory(): boolean {
    return this.#offset <= this.#history;
  }

  /** Whether there is more than was read. A closed file is looked at by name, in case it still grows. */
  grew(): boolean {
    this.unreadable = undefined;
    const size = this.#size();
    if (size === undefined) return false;
    this.seen = size;
    // Files only grow: this one was cut off, or is another one with the number of the first.
    if (size < this.#offset) this.#beginAnew();
    return size > this.#offset;
  }

  /**
   * Reads the next chunk of whole lines.
   *
   * @returns Their records, perhaps none, or undefined where there is no whole line yet.
   */
  read(buffer: Buffer, decoder: LineDecoder): MetricRecord[] | undefined {
    const fd = this.#fd ?? this.#reopen();
    if (fd === undefined) return undefined;
    const records: MetricRecord[] = [];
    const bytes = readSync(fd, buffer, 0, CHUNK_BYTES, this.#offset);
    const done = decoder.decode(buffer.subarray(0, bytes), bytes === CHUNK_BYTES, records);
    this.#barren = this.#offset + bytes;
    this.#goTo(this.#offset + done);
    return done === 0 ? undefined : records;
  }

  /** Says that it could not be looked at, or read. */
  cannot(error: unknown): void {
    this.unreadable = unreadableBy(error, join(this.#directory, this.name));
  }

  /** Closes the file; reading opens it again. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #size(): number | undefined {
    if (this.#fd !== undefined) return fstatSync(this.#fd).size;
    const stat = statSync(join(this.#directory, this.name), { bigint: true, throwIfNoEntry: false });
    return stat?.ino === this.#ino && stat.dev === this.#dev ? Number(stat.size) : undefined;
  }

  /** Opens the file again, unless its name has changed hands: then it is found by its new one. */
  #reopen(): number | undefined {
    const segment = openSegment(this.#directory, { name: this.name, shard: 0, sequence: 0 });
    if (segment === undefined) return undefined;
    if ('reason' in segment) throw new Error(segment.reason);
    const { dev, ino } = fstatSync(segment.fd, { bigint: true });
    if (dev !== this.#dev || ino !== this.#ino) {
      closeSync(segment.fd);
      return undefined;
    }
    this.#fd = segment.fd;
    // While it was closed it may have been deleted, and its number given to another file.
    const head = Buffer.alloc(this.#known);
    readSync(segment.fd, head, 0, head.length, 0);
    if (!head.equals(this.#head.subarray(0, this.#known))) this.#beginAnew();
    return segment.fd;
  }

  #goTo(offset: number): void {
    this.#offset = offset;
    const known = Math.min(offset, HEAD_BYTES);
    if (known > this.#known) this.#known = readSync(this.#fd!, this.#head, 0, known, 0);
  }

  #beginAnew(): void {
    this.#known = 0;
    this.#offset = 0;
    this.#barren = 0;
    this.confirm();
  }
}

/** Where to go on in a file of which a position is known: at its beginning, where it is another file. */
export function offsetIn({ fd, stat }: Segment, { offset, head }: FilePosition): number {
  // Shorter than what was read of it: another one with the number of the first.
  if (offset > stat.size) return 0;
  if (head === undefined) return offset;
  const bytes = Buffer.alloc(Math.min(offset, HEAD_BYTES));
  readSync(fd, bytes, 0, bytes.length, 0);
  return hashHead(bytes) === head ? offset : 0;
}
