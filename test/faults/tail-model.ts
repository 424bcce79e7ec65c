import { closeSync, fstatSync, linkSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { formatRecord, START_TEXT } from '../../src/record.js';
import { CHUNK_BYTES } from '../../src/store/lines.js';
import { savePosition } from '../../src/store/position.js';
import { Sealer } from '../../src/store/seal.js';
import { liveName } from '../../src/store/shard.js';
import { Tail, type TailBatch } from '../../src/store/tail.js';

/** One file, and all that was written to it. */
interface File {
  readonly key: string;
  readonly shard: number;
  readonly fd: number;
  /** Its names; none when it was deleted. */
  readonly names: Set<string>;
  text: string;
  /** The rest of a record whose writer has not come to its end. */
  rest: string;
}

/** Shards that things happen to. */
export class Shards {
  readonly directory: string;
  readonly files: File[] = [];
  readonly #sealer: Sealer;
  #value = 0;
  #links = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.#sealer = new Sealer(directory);
    this.#sealer.acquire();
  }

  /** A whole record; glued to what a killed writer left. */
  write(shard: number, length: number): void {
    this.#append(this.#live(shard), this.#line(length));
  }

  /** The beginning of a record. */
  beginWrite(shard: number, length: number, part: number): void {
    const file = this.#live(shard);
    // Lines of nothing but torn records would fill a chunk, and that is another test's business.
    if (file.text.length - file.text.lastIndexOf('\n') > CHUNK_BYTES / 4) return;
    const line = this.#line(length);
    const end = 1 + Math.floor(part * (line.length - 2));
    this.#append(file, line.slice(0, end));
    file.rest = line.slice(end);
  }

  /** The rest of it, unless somebody else wrote meanwhile: then its writer was killed. */
  endWrite(shard: number): void {
    const file = this.#live(shard);
    if (file.rest !== '') this.#append(file, file.rest);
  }

  /** The first half of a seal, whose sealer is killed. */
  link(shard: number): void {
    const file = this.#live(shard);
    if (file.names.size > 1 || file.text === '') return;
    this.#links += 1;
    const name = `cfn-metrics-20200101-${shard}.${this.#links}.jsonl`;
    linkSync(join(this.directory, liveName(shard)), join(this.directory, name));
    file.names.add(name);
  }

  /** A whole seal, or the rest of one. */
  seal(shard: number): void {
    const file = this.#live(shard);
    const swapped = this.#sealer.swap(shard);
    if (swapped === undefined) return;
    closeSync(swapped.fd);
    file.names.delete(liveName(shard));
    file.names.add(swapped.name);
  }

  /** A record of a writer that still has the file open. */
  writeLate(index: number, length: number): void {
    const file = this.files[index % this.files.length];
    if (file !== undefined) this.#append(file, this.#line(length));
  }

  /** Deletes a file that was read to its end, by whatever name. */
  delete(index: number, follower: Follower, closed: boolean): void {
    const file = this.files[index % this.files.length];
    if (file === undefined || !follower.drained(file)) return;
    for (const name of file.names) rmSync(join(this.directory, name));
    file.names.clear();
    // Nobody can read what comes now.
    if (closed) this.#forget(file);
  }

  close(): void {
    for (const file of [...this.files]) this.#forget(file);
    this.#sealer.release();
  }

  #live(shard: number): File {
    const name = liveName(shard);
    const known = this.files.find(({ names }) => names.has(name));
    if (known !== undefined) return known;
    const path = join(this.directory, name);
    // A seal has made it already, or nobody has.
    const fd = openSync(path, 'a');
    const { dev, ino } = fstatSync(fd);
    const file = { key: `${dev}:${ino}`, shard, fd, names: new Set([name]), text: '', rest: '' };
    this.files.push(file);
    return file;
  }

  #line(length: number): string {
    this.#value += 1;
    const attributes = { text: 'x'.repeat(length) };
    return formatRecord({ time: 0, agent: 'a', metric: 'm', value: this.#value, attributes });
  }

  #append(file: File, text: string): void {
    writeSync(file.fd, text);
    file.text += text;
    file.rest = '';
  }

  #forget(file: File): void {
    closeSync(file.fd);
    this.files.splice(this.files.indexOf(file), 1);
  }
}

/** Where a follower should be in a file. */
interface Place {
  offset: number;
  confirmed: number;
}

/** A tailer beside the model of it. */
export class Follower {
  /** Records that were handed out. */
  delivered = 0;
  /** Of those, handed out before. */
  repeated = 0;
  readonly #shards: Shards;
  readonly #positionFile: string;
  readonly #from: 'start' | 'end';
  readonly #seen = new Set<number>();
  #saved: ReadonlyMap<string, number> | undefined;
  #places = new Map<string, Place>();
  #tail: Tail | undefined;

  constructor(directory: string, shards: Shards, from: 'start' | 'end') {
    this.#shards = shards;
    this.#from = from;
    this.#positionFile = join(directory, 'position.json');
  }

  /** Kills the tailer, where there is one, and begins anew. */
  restart(): void {
    this.#tail?.close();
    const { directory } = this.#shards;
    this.#tail = new Tail({ directory, from: this.#from, positionFile: this.#positionFile });
    this.#tail.begin();
    this.#places = new Map();
    this.#find((file) => {
      if (this.#saved !== undefined) return this.#saved.get(file.key) ?? 0;
      return this.#from === 'start' ? 0 : file.text.lastIndexOf('\n') + 1;
    });
  }

  /** Takes batches, and breaks off after some of them as a killed process does. */
  poll(most: number): void {
    if (this.#tail === undefined) throw new Error('restart comes first');
    this.#find(() => 0);
    let taken = 0;
    let last: Place | undefined;
    for (const batch of this.#tail.poll()) {
      // Asking for the next one says that the last one was handled.
      if (last !== undefined) last.confirmed = last.offset;
      last = this.#take(batch);
      taken += 1;
      if (taken > most) return;
    }
    if (last !== undefined) last.confirmed = last.offset;
    for (const file of this.#shards.files) this.#expectNothing(file);
  }

  /** Saves the position. */
  save(): void {
    if (this.#tail === undefined) throw new Error('restart comes first');
    const position = this.#tail.position();
    savePosition(this.#positionFile, position);
    this.#saved = new Map(position.files.map(({ dev, ino, offset }) => [`${dev}:${ino}`, offset]));
    for (const [key, { confirmed }] of this.#places) {
      const saved = this.#saved.get(key);
      if (saved !== confirmed) throw new Error(`${saved} was saved as position, not ${confirmed}`);
    }
  }

  /** Whether a file was read, and that was saved: then it may be deleted. */
  drained({ key, text }: File): boolean {
    const end = text.lastIndexOf('\n') + 1;
    return this.#places.get(key)?.confirmed === end && this.#saved?.get(key) === end;
  }

  close(): void {
    this.#tail?.close();
  }

  /** Files that are there and were not before are followed from now on. */
  #find(begin: (file: File) => number): void {
    for (const file of this.#shards.files) {
      if (file.names.size === 0 || this.#places.has(file.key)) continue;
      const offset = begin(file);
      this.#places.set(file.key, { offset, confirmed: offset });
    }
  }

  #take({ file: key, end, records }: TailBatch): Place {
    const place = this.#places.get(key);
    const file = this.#shards.files.find((each) => each.key === key);
    if (place === undefined || file === undefined) throw new Error(`a batch of an unknown file ${key}`);
    let expected = { end: place.offset, values: [] as number[] };
    // Chunks without any record are read without a word.
    while (expected.values.length === 0 && expected.end < file.text.length) {
      const next = nextChunk(file.text, expected.end);
      if (next.end === expected.end) break;
      expected = next;
    }
    const values = records.map(({ value }) => value);
    if (end !== expected.end || values.join() !== expected.values.join()) {
      throw new Error(
        `[${values.join()}] up to ${end}, not [${expected.values.join()}] up to ${expected.end}`,
      );
    }
    this.delivered += values.length;
    this.repeated += values.filter((value) => this.#seen.has(value)).length;
    for (const value of values) this.#seen.add(value);
    place.offset = end;
    return place;
  }

  /** After a whole look nothing may be left but the beginning of a line. */
  #expectNothing(file: File): void {
    const place = this.#places.get(file.key);
    // Deleted before anybody saw it.
    if (place === undefined) return;
    for (;;) {
      const { end, values } = nextChunk(file.text, place.offset);
      if (values.length > 0) throw new Error(`[${values.join()}] of ${file.key} was not handed out`);
      if (end === place.offset) return;
      place.offset = end;
      place.confirmed = end;
    }
  }
}

/** The next chunk of whole lines, and the records in it. */
function nextChunk(text: string, offset: number): { end: number; values: number[] } {
  const end = text.slice(offset, offset + CHUNK_BYTES).lastIndexOf('\n') + 1 + offset;
  const lines = text.slice(offset, end).split('\n').slice(0, -1);
  return { end, values: lines.flatMap((line) => lastValue(line) ?? []) };
}

/** The value of the record at the end of a line. */
function lastValue(line: string): number | undefined {
  const start = line.lastIndexOf(START_TEXT);
  return start < 0 ? undefined : (JSON.parse(line.slice(start)) as { value: number }).value;
}
