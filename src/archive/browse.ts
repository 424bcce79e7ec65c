import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';
import { requireDirectory } from '../store/reader.js';
import { parseName } from '../store/shard.js';
import { Catalog } from './catalog.js';
import { bytesOf, gunzip, summarise } from './compress.js';
import { COMPRESSED, type SegmentEntry } from './entry.js';
import { type History, readHistory } from './history.js';
import {
  closeFile,
  openTemporary,
  openToRead,
  removeFile,
  renameFile,
  syncDirectory,
  syncFile,
  writeAt,
} from './io.js';
import { compareText } from './order.js';
import { holdsRecord } from './plain-range.js';
import { sourceKey } from './source.js';
import { archiveError } from './trouble.js';

/**
 * A file of the archive.
 *
 * @public
 */
export interface ListedSegment {
  /** Its name without `.gz`: that of a segment, or of a live shard. */
  readonly name: string;
  /** Path of the file. */
  readonly path: string;
  /** Whether it is compressed; otherwise it may still grow. */
  readonly compressed: boolean;
  /** Bytes on the disk. */
  readonly storedBytes: number;
  /** Its manifest entry; null for a plain copy, and where it is missing or damaged. */
  readonly entry: SegmentEntry | null;
}

/**
 * Lists what is in an archive, the oldest first and the copies of live shards last; each record is in one of them.
 *
 * @throws MetricsError `ERR_METRICS_DIRECTORY` where there is none, or it cannot be read.
 *
 * @public
 */
export function listArchive(archive: string): ListedSegment[] {
  requireDirectory({ path: archive, explicit: true }, 'archive');
  let catalog: Catalog;
  try {
    catalog = new Catalog(archive);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new MetricsError('ERR_METRICS_DIRECTORY', `archive ${archive} cannot be read: ${reason}`, {
      cause: error,
    });
  }
  const compressed = catalog.segments();
  // While a copy is compressed, and after a crash in the middle of that, the same bytes are there twice.
  const plain = [...catalog.plain.values()].filter(({ source, size }) => {
    const twin = source && compressed.get(sourceKey(source));
    return twin === undefined || twin.entry.bytes < size;
  });
  const listed = [
    ...plain.map(({ name, size }) => ({
      name,
      suffix: '',
      compressed: false,
      storedBytes: size,
      entry: null,
    })),
    ...[...catalog.compressed.values()].map(({ name, compressedBytes, entry }) => ({
      ...{ name, suffix: COMPRESSED, compressed: true, storedBytes: compressedBytes, entry: entry ?? null },
    })),
  ];
  listed.sort(
    ({ name: a }, { name: b }) =>
      compareText(a.date ?? 'live', b.date ?? 'live') || a.shard - b.shard || a.sequence - b.sequence,
  );
  return listed.map(({ name: { name }, suffix, ...rest }) => ({
    ...{ name, path: join(archive, `${name}${suffix}`) },
    ...rest,
  }));
}

/**
 * Reads a file of the archive whole, and compares it with its manifest entry.
 *
 * @returns What is wrong with it; undefined where nothing is.
 *
 * @public
 */
export async function verifySegment(segment: ListedSegment): Promise<string | undefined> {
  const { path, compressed, storedBytes, entry } = segment;
  try {
    const found = await summarise(path, storedBytes, compressed);
    if (!compressed) return undefined;
    if (entry === null) return 'its manifest entry is missing or damaged';
    const keys = ['bytes', 'sha256', 'lines', 'torn', 'foreign', 'first', 'last'] as const;
    const wrong = keys.find((key) => found[key] !== entry[key]);
    return wrong && `${wrong} is ${found[wrong]}, and ${entry[wrong]} in its manifest entry`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
}

/**
 * Puts a file of the archive back as a plain file, under its name.
 *
 * @param segment - The file.
 * @param directory - Where to; made where it is missing.
 * @returns The path of the plain file.
 * @throws MetricsError `ERR_METRICS_STORE` where there is one of that name, or where the bytes are not those that were
 * archived.
 *
 * @public
 */
export async function restoreSegment(segment: ListedSegment, directory: string): Promise<string> {
  const { name, path, compressed, storedBytes, entry } = segment;
  const target = join(directory, name);
  const temporary = `${target}.tmp`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    if (existsSync(target)) {
      throw new MetricsError('ERR_METRICS_STORE', `${target} exists; nothing is overwritten`);
    }
    const from = await openToRead(path);
    const to = await openTemporary(temporary);
    try {
      let offset = 0;
      const bytes = compressed ? gunzip(from, storedBytes) : bytesOf(from, 0, storedBytes);
      for await (const chunk of bytes) {
        await writeAt(to, chunk, offset);
        offset += chunk.length;
      }
      await syncFile(to);
      const { sha256 } = await summarise(temporary, offset, false);
      if (entry !== null && entry.sha256 !== sha256) {
        throw new MetricsError('ERR_METRICS_STORE', `${path} does not hold what was archived`);
      }
    } finally {
      await closeFile(from);
      await closeFile(to);
    }
    await renameFile(temporary, target);
    await syncDirectory(directory);
    return target;
  } catch (error) {
    await removeFile(temporary).catch(() => undefined);
    throw archiveError(directory, error);
  }
}

/**
 * What {@link readArchive} can be told; every field is optional.
 *
 * @public
 */
export interface ArchiveRange {
  /** Unix milliseconds of the first record wanted, itself included. */
  readonly since?: number | undefined;
  /** Unix milliseconds before which the last record wanted was stored, itself excluded. */
  readonly until?: number | undefined;
}

/**
 * Whether a file can hold a record of a range, as far as its manifest entry tells; of a plain copy, which has none, its
 * records tell.
 */
export function mayHold(
  { name, path, compressed, entry }: ListedSegment,
  { since, until }: ArchiveRange,
): boolean {
  if (entry === null) {
    const plain = compressed ? undefined : parseName(name);
    const everything = since === undefined && until === undefined;
    return plain === undefined || everything || holdsRecord(path, plain, since, until);
  }
  if (entry.first === null || entry.last === null) return false;
  return Date.parse(entry.last) >= (since ?? -Infinity) && Date.parse(entry.first) < (until ?? Infinity);
}

/**
 * Reads the records of a time range from an archive alone. Files that hold none of them are not opened.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where a time is none, such as NaN; `ERR_METRICS_DIRECTORY` where there is no
 * archive.
 *
 * @public
 */
export function readArchive(archive: string, range: ArchiveRange = {}): History {
  return readHistory({ ...range, directory: [], archive });
}
