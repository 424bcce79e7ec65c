import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from './ledger.js';
import { readLine } from './line.js';

const CHUNK = 1 << 20;

interface Followed {
  readonly fd: number;
  readonly inode: number;
  name: string;
  offset: number;
  rest: Buffer;
  grewAt: number;
  finished: boolean;
}

/**
 * Reads every file of a directory exactly once, and deletes sealed ones when nobody can append to them any longer: what
 * an archiver does, written anew, so that it shares no mistake with what is tested.
 */
export class Collector {
  /** Records that were cut off. */
  torn = 0;
  /** Segments that grew after they were said to be finished. */
  late = 0;
  deleted = 0;
  readonly #directory: string;
  readonly #lingerMs: number;
  readonly #ledger: Ledger;
  readonly #files = new Map<number, Followed>();
  readonly #buffer = Buffer.allocUnsafe(CHUNK);

  constructor(directory: string, lingerMs: number, ledger: Ledger) {
    this.#directory = directory;
    this.#lingerMs = lingerMs;
    this.#ledger = ledger;
  }

  /** Bytes of RAM that the directory takes. */
  get bytes(): number {
    let bytes = 0;
    for (const { fd } of this.#files.values()) bytes += fstatSync(fd).blocks * 512;
    return bytes;
  }

  /** Notes that the sealer said so. */
  finished(name: string): void {
    for (const file of this.#files.values()) if (file.name === name) file.finished = true;
  }

  /** Reads what is new, and deletes what is done with. */
  collect(): void {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith('.jsonl'));
    for (const name of names) this.#find(name);
    const now = performance.now();
    for (const file of this.#files.values()) {
      this.#read(file, now);
      if (file.finished && now - file.grewAt > this.#lingerMs) this.#delete(file);
    }
  }

  #find(name: string): void {
    const path = join(this.#directory, name);
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return;
    const known = this.#files.get(inode);
    if (known !== undefined) {
      // For a moment it has two names; the one with a date is the one that stays.
      if (name.length > known.name.length) known.name = name;
      return;
    }
    const fd = openSync(path, 'r');
    const { ino } = fstatSync(fd);
    if (this.#files.has(ino)) closeSync(fd);
    else {
      this.#files.set(ino, {
        ...{ fd, inode: ino, name, offset: 0, rest: Buffer.alloc(0) },
        ...{ grewAt: performance.now(), finished: false },
      });
    }
  }

  #read(file: Followed, now: number): void {
    for (;;) {
      const bytes = readSync(file.fd, this.#buffer, 0, CHUNK, file.offset);
      if (bytes === 0) return;
      if (file.finished) this.late += 1;
      file.offset += bytes;
      file.grewAt = now;
      const all = Buffer.concat([file.rest, this.#buffer.subarray(0, bytes)]);
      const end = all.lastIndexOf(0x0a) + 1;
      file.rest = all.subarray(end);
      for (const line of all.toString('utf8', 0, end).split('\n')) if (line !== '') this.#line(line);
    }
  }

  #line(line: string): void {
    const { torn, numbered } = readLine(line);
    this.torn += torn;
    if (numbered !== undefined) this.#ledger.note(numbered.agent, numbered.value);
  }

  #delete(file: Followed): void {
    const path = join(this.#directory, file.name);
    if (statSync(path).ino !== file.inode) throw new Error(`${path} is another file than it was`);
    unlinkSync(path);
    // What is left without a newline is the torn record of a killed writer.
    if (file.rest.length > 0) this.torn += 1;
    closeSync(file.fd);
    this.#files.delete(file.inode);
    this.deleted += 1;
  }
}
