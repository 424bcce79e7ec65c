import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricRecord } from '../record.js';
import { CHUNK_BYTES, type LineDecoder } from './lines.js';
import type { FilePosition } from './position.js';
import { openSegment, type Segment } from './segments.js';

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
  readonly #directory: string;
  readonly #dev: bigint;
  readonly #ino: bigint;
  readonly #history: number;
  #offset: number;
  #confirmed: number;
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
    this.#offset = offset;
    this.#confirmed = offset;
    this.#fd = segment.fd;
    this.key = `${dev}:${ino}`;
    this.name = segment.name;
    this.grewAt = now;
  }

  /** Offset behind the last line that was read. */
  get end(): number {
    return this.#offset;
  }

  /** Behind the last line that was read and confirmed. */
  get position(): FilePosition {
    return { dev: `${this.#dev}`, ino: `${this.#ino}`, offset: this.#confirmed };
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
    if (this.#fd !== undefined) return fstatSync(this.#fd).size > this.#offset;
    const stat = statSync(join(this.#directory, this.name), { bigint: true, throwIfNoEntry: false });
    return stat?.ino === this.#ino && stat.dev === this.#dev && Number(stat.size) > this.#offset;
  }

  /**
   * Reads the next chunk of whole lines.
   *
   * @returns Their records, perhaps none, or undefined where there is no whole line yet.
   */
  read(buffer: Buffer, decoder: LineDecoder): MetricRecord[] | undefined {
    const records: MetricRecord[] = [];
    const bytes = readSync(this.#descriptor(), buffer, 0, CHUNK_BYTES, this.#offset);
    const done = decoder.decode(buffer.subarray(0, bytes), bytes === CHUNK_BYTES, records);
    this.#offset += done;
    return done === 0 ? undefined : records;
  }

  /** Closes the file; reading opens it again. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #descriptor(): number {
    if (this.#fd !== undefined) return this.#fd;
    const segment = openSegment(this.#directory, { name: this.name, shard: 0, sequence: 0 });
    if (segment === undefined) throw new Error('it is gone');
    if ('reason' in segment) throw new Error(segment.reason);
    this.#fd = segment.fd;
    return segment.fd;
  }
}
