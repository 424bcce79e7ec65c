import { fstatSync, ftruncateSync, readSync } from 'node:fs';
import { lastLineEnd } from '../store/seek.js';
import type { UnreadableFile } from '../store/segments.js';
import { parseName, type SegmentName } from '../store/shard.js';
import type { Catalog, PlainCopy } from './catalog.js';
import { ArchiveChangedError } from './changed.js';
import { formatEntry, COMPRESSED, ENTRY, SOURCE } from './entry.js';
import { closeFile, openNew, openToExtend, replaceDurably, syncDirectory, syncFile, writeAt } from './io.js';
import { dateOfCopy, formatSource, renameCopy } from './names.js';
import type { RamFile } from './ram.js';

/** Bytes copied at a time. */
const COPY_BYTES = 1_048_576;
/** Files at work at a time: the thread pool has four threads. */
const AT_ONCE = 8;

/** What a sync needs to know beside the files. */
export interface SyncOptions {
  /** Sealed segments that nobody appends to any more, by key: they are copied to the very end. */
  readonly finished: ReadonlySet<string>;
  /** Files that somebody else is at work on, by key. */
  readonly busy: ReadonlySet<string>;
  /** Files in RAM that could not be opened: a copy whose source is missing may be of one of them. */
  readonly unreadable: readonly UnreadableFile[];
}

/** What a sync did. */
export interface SyncOutcome {
  /** Bytes that were copied. */
  readonly bytes: number;
  /** What went wrong, a file each; the others are copied. */
  readonly errors: unknown[];
}

/** A copy that is not as long as its source. */
interface Task {
  readonly file: RamFile;
  readonly copy: PlainCopy;
  readonly fresh: boolean;
  readonly end: number;
}

/**
 * Makes the plain copies in the archive as long as their sources in RAM.
 *
 * @remarks
 * A copy is at every moment a byte-identical beginning of its source, and its size is all that has to be remembered:
 * whoever dies here is continued by the next one. Only whole lines are copied, until the source is finished.
 */
export async function syncCopies(
  catalog: Catalog,
  files: readonly RamFile[],
  options: SyncOptions,
): Promise<SyncOutcome> {
  const errors: unknown[] = [];
  await settleNames(catalog, files, options.unreadable.length > 0, errors);
  const tasks = findTasks(catalog, files, options);
  const fresh = tasks.filter((task) => task.fresh);
  await replaceDurably(
    new Map(
      fresh.map(({ file, copy }) => [catalog.path(`${copy.name.name}${SOURCE}`), formatSource(file.source)]),
    ),
  );
  let bytes = 0;
  await inTurns(tasks, errors, async (task) => {
    const copied = await copyOne(catalog, task);
    bytes += copied;
  });
  // What another process wrote and could not wait for, because it was killed, may still be in memory only.
  const waiting = [...catalog.plain.values()].filter(({ synced }) => !synced);
  await inTurns(waiting, errors, async (copy) => syncOne(catalog, copy));
  if (fresh.length > 0 || waiting.length > 0) await syncDirectory(catalog.directory);
  return { bytes, errors };
}

function findTasks(catalog: Catalog, files: readonly RamFile[], { finished, busy }: SyncOptions): Task[] {
  const copies = catalog.copies();
  const segments = catalog.segments();
  const taken = sealedNames(files);
  return files.flatMap((file): Task[] => {
    if (busy.has(file.key) || segments.has(file.key)) return [];
    const found = copies.get(file.key);
    const size = found?.size ?? 0;
    if (file.stat.size <= size) return [];
    const end = finished.has(file.key) ? file.stat.size : lastLineEnd(file.fd, file.stat.size);
    if (end <= size) return [];
    if (found !== undefined) return [{ file, copy: found, fresh: false, end }];
    // It left RAM after it was opened, and so it was archived before; maybe it has left the archive too.
    if (fstatSync(file.fd).nlink === 0) return [];
    const name = nameOfCopy(catalog, file, taken);
    taken.add(name);
    const copy = { name: parseName(name) as SegmentName, source: file.source, size: 0, synced: true };
    return [{ file, copy, fresh: true, end }];
  });
}

function sealedNames(files: readonly RamFile[]): Set<string> {
  return new Set(files.flatMap(({ name, date }) => (date === undefined ? [] : [name])));
}

/** The name of a new copy: its source's own, unless another one has it. */
function nameOfCopy(catalog: Catalog, file: RamFile, taken: ReadonlySet<string>): string {
  if (file.date === undefined || catalog.isFree(file.name)) return file.name;
  return catalog.freeName(file.date, file.shard, taken);
}

/** Makes sure that a copy under a live name is of the file that has that name now, and of that file at all. */
async function settleNames(
  catalog: Catalog,
  files: readonly RamFile[],
  incomplete: boolean,
  errors: unknown[],
): Promise<void> {
  const sources = new Map(files.map((file) => [file.key, file]));
  const taken = sealedNames(files);
  for (const [key, copy] of catalog.copies()) {
    const file = sources.get(key);
    if (file !== undefined && file.stat.size < copy.size) await forget(catalog, copy, errors);
  }
  for (const [key, segment] of catalog.segments()) {
    const file = sources.get(key);
    if (file === undefined || file.stat.size >= segment.entry.bytes) continue;
    const { name } = segment.name;
    const entry = { ...segment.entry, source: null };
    await replaceDurably(new Map([[catalog.path(`${name}${COMPRESSED}${ENTRY}`), formatEntry(entry)]]));
    catalog.compressed.set(name, { ...segment, entry });
  }
  const keys = new Map([...catalog.copies()].map(([key, copy]) => [copy, key]));
  for (const copy of [...catalog.plain.values()]) {
    if (copy.name.date !== undefined) continue;
    const file = sources.get(keys.get(copy) ?? '');
    if (file?.name === copy.name.name || (file === undefined && incomplete)) continue;
    try {
      // Without a source in RAM, as after a boot, it is finished as it is.
      const date = file?.date ?? dateOfCopy(catalog.path(copy.name.name));
      const own = file?.date !== undefined && catalog.isFree(file.name);
      const name = own ? file.name : catalog.freeName(date, copy.name.shard, taken);
      await renameCopy(catalog, copy, name, copy.source);
    } catch (error) {
      errors.push(error);
    }
  }
}

/** A copy that is longer than its source is a copy of something else. */
async function forget(catalog: Catalog, copy: PlainCopy, errors: unknown[]): Promise<void> {
  const { name } = copy.name;
  try {
    await replaceDurably(new Map([[catalog.path(`${name}${SOURCE}`), formatSource(undefined)]]));
    catalog.plain.set(name, { ...copy, source: undefined });
  } catch (error) {
    errors.push(error);
  }
}

async function copyOne(catalog: Catalog, { file, copy, fresh, end }: Task): Promise<number> {
  const path = catalog.path(copy.name.name);
  let fd: number;
  try {
    fd = await (fresh ? openNew(path) : openToExtend(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === (fresh ? 'EEXIST' : 'ENOENT')) throw new ArchiveChangedError(path);
    throw error;
  }
  try {
    if (fstatSync(fd).size !== copy.size) throw new ArchiveChangedError(path);
    if (fresh) catalog.plain.set(copy.name.name, copy);
    return await extend(fd, file.fd, copy, end);
  } finally {
    await closeFile(fd);
  }
}

/** Copies what is missing, and waits until it is on the disk. */
async function extend(fd: number, from: number, copy: PlainCopy, end: number): Promise<number> {
  const start = copy.size;
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, end - start));
  let offset = start;
  let failure: unknown;
  try {
    while (offset < end) {
      const bytes = readSync(from, buffer, 0, Math.min(buffer.length, end - offset), offset);
      if (bytes === 0) break;
      await writeAt(fd, buffer.subarray(0, bytes), offset);
      offset += bytes;
    }
  } catch (error) {
    failure = error;
    // What did not fit in whole goes; what did is kept.
    ftruncateSync(fd, offset);
  }
  try {
    await syncFile(fd);
  } catch (error) {
    // After that nobody knows what is on the disk, and asking again would say that all is well: write it again.
    ftruncateSync(fd, start);
    throw error;
  }
  copy.size = offset;
  if (failure !== undefined) throw failure as Error;
  return offset - start;
}

async function syncOne(catalog: Catalog, copy: PlainCopy): Promise<void> {
  const fd = await openToExtend(catalog.path(copy.name.name));
  try {
    await syncFile(fd);
  } finally {
    await closeFile(fd);
  }
  copy.synced = true;
}

/** Works on a few at a time; what fails is told, and does not keep the others. */
async function inTurns<T>(
  items: readonly T[],
  errors: unknown[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
