import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseName, sealedName, type SegmentName } from '../store/shard.js';
import { COMPRESSED, ENTRY, parseEntry, type SegmentEntry, SOURCE } from './entry.js';
import { parseSource, type Source, sourceKey } from './source.js';

/** A plain copy in the archive. */
export interface PlainCopy {
  readonly name: SegmentName;
  /** The file in RAM that it is a copy of; undefined where nobody knows any more. */
  readonly source: Source | undefined;
  /** Its size, which is how much of its source is in the archive. */
  size: number;
  /** Whether its bytes are known to be on the disk, and not only in the memory of the system. */
  synced: boolean;
}

/** A compressed segment in the archive. */
export interface CompressedSegment {
  /** Its name without `.gz`. */
  readonly name: SegmentName;
  readonly compressedBytes: number;
  /** Its manifest entry; undefined where that is missing or damaged. */
  readonly entry: SegmentEntry | undefined;
}

/** A temporary file, or what says something about a file that is not there: left by a run that died. */
const LEFTOVER = /^cfn-metrics-.*\.jsonl(?:\.gz)?(?:\.source|\.json)?\.tmp$/;

/** What is in an archive directory, as the one that changes it knows it. */
export class Catalog {
  readonly directory: string;
  /** By name. */
  readonly plain = new Map<string, PlainCopy>();
  /** By name without `.gz`. */
  readonly compressed = new Map<string, CompressedSegment>();
  /** Files that mean nothing, and may go. */
  readonly leftovers: string[] = [];

  /** Reads the directory. */
  constructor(directory: string) {
    this.directory = directory;
    const names = new Set(readdirSync(directory));
    for (const name of names) this.#add(name, names);
  }

  #add(name: string, names: ReadonlySet<string>): void {
    const path = join(this.directory, name);
    const plain = parseName(name);
    if (plain !== undefined) {
      const size = lstatSync(path, { throwIfNoEntry: false })?.size;
      // Whoever only looks may see a file go.
      if (size === undefined) return;
      this.plain.set(name, { name: plain, source: this.#readSource(name), size, synced: false });
      return;
    }
    const inner = name.endsWith(COMPRESSED) ? parseName(name.slice(0, -COMPRESSED.length)) : undefined;
    if (inner !== undefined) {
      const size = lstatSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) return;
      const text = this.#read(`${name}${ENTRY}`);
      const entry = text === undefined ? undefined : parseEntry(text, size);
      this.compressed.set(inner.name, { name: inner, compressedBytes: size, entry });
      return;
    }
    if (LEFTOVER.test(name)) this.leftovers.push(name);
    const described = [SOURCE, ENTRY].find((suffix) => name.endsWith(suffix));
    if (described === undefined || names.has(name.slice(0, -described.length))) return;
    if (/^cfn-metrics-.*\.jsonl(?:\.source|\.gz\.json)$/.test(name)) this.leftovers.push(name);
  }

  #readSource(name: string): Source | undefined {
    const text = this.#read(`${name}${SOURCE}`);
    if (text === undefined) return undefined;
    try {
      return parseSource(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.directory, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The path of a file. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Plain copies by their source. */
  copies(): Map<string, PlainCopy> {
    const copies = [...this.plain.values()];
    return new Map(copies.flatMap((copy) => (copy.source ? [[sourceKey(copy.source), copy]] : [])));
  }

  /** Compressed segments by their source. */
  segments(): Map<string, CompressedSegment & { readonly entry: SegmentEntry }> {
    const found = new Map<string, CompressedSegment & { readonly entry: SegmentEntry }>();
    for (const { entry, ...segment } of this.compressed.values()) {
      if (entry?.source) found.set(sourceKey(entry.source), { ...segment, entry });
    }
    return found;
  }

  /** Whether neither a plain nor a compressed file has this name. */
  isFree(name: string): boolean {
    return !this.plain.has(name) && !this.compressed.has(name);
  }

  /**
   * A name that nobody has.
   *
   * @param date - `YYYYMMDD`
   * @param taken - Names that somebody else is going to have.
   */
  freeName(date: string, shard: number, taken: ReadonlySet<string>): string {
    for (let sequence = 0; ; sequence += 1) {
      const name = sealedName(date, shard, sequence);
      if (this.isFree(name) && !taken.has(name)) return name;
    }
  }

  /** Bytes of all segments and copies. */
  bytes(): number {
    let total = 0;
    for (const { size } of this.plain.values()) total += size;
    for (const { compressedBytes } of this.compressed.values()) total += compressedBytes;
    return total;
  }
}
