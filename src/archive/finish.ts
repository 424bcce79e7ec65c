import type { Catalog, CompressedSegment, PlainCopy } from './catalog.js';
import { bytesOf, gunzippedHash, gzipInto, summarise, tapped } from './compress.js';
import { SegmentDigest } from './digest.js';
import { COMPRESSED, ENTRY, formatEntry, type SegmentEntry, type SegmentSummary, SOURCE } from './entry.js';
import { MetricsError } from '../errors.js';
import {
  closeFile,
  openTemporary,
  openToRead,
  readAt,
  removeFile,
  renameFile,
  replaceDurably,
  syncDirectory,
  syncFile,
  writeAt,
} from './io.js';
import type { RamFile } from './ram.js';

const COPY_BYTES = 65_536;

/**
 * Compresses a finished plain copy, and deletes it when the compressed one was read back and is the same.
 *
 * @param catalog - What is in the archive.
 * @param copy - The copy; nobody else may change it meanwhile, and its name with `.gz` must be free.
 * @returns The manifest entry.
 */
export async function compressCopy(
  catalog: Catalog,
  copy: PlainCopy,
  signal?: AbortSignal,
): Promise<SegmentEntry> {
  const { name } = copy.name;
  const from = await openToRead(catalog.path(name));
  try {
    const digest = new SegmentDigest();
    const temporary = catalog.path(`${name}${COMPRESSED}.tmp`);
    const compressedBytes = await writeVerified(temporary, digest, signal, (to) =>
      gzipInto(tapped(bytesOf(from, 0, copy.size, signal), digest), to, 0),
    );
    const { summary, size } = compressedBytes;
    const entry = { ...summary, compressedBytes: size, source: copy.source ?? null };
    await putInPlace(catalog, name, temporary, entry);
    catalog.compressed.set(name, { name: copy.name, compressedBytes: size, entry });
    await removeCopy(catalog, copy);
    return entry;
  } finally {
    await closeFile(from);
  }
}

/** Deletes a plain copy whose bytes are elsewhere, and then what says where it came from. */
export async function removeCopy(catalog: Catalog, { name: { name } }: PlainCopy): Promise<void> {
  await removeFile(catalog.path(name));
  catalog.plain.delete(name);
  await removeFile(catalog.path(`${name}${SOURCE}`));
}

/**
 * Appends what a late writer added to a segment after it was compressed.
 *
 * @returns The new entry.
 */
export async function growSegment(
  catalog: Catalog,
  segment: CompressedSegment & { readonly entry: SegmentEntry },
  file: RamFile,
  signal?: AbortSignal,
): Promise<SegmentEntry> {
  const { name } = segment.name;
  const { entry: previous } = segment;
  const end = file.stat.size;
  const temporary = catalog.path(`${name}${COMPRESSED}.tmp`);
  const digest = new SegmentDigest();
  for await (const chunk of bytesOf(file.fd, 0, end, signal)) digest.update(chunk);
  const { summary, size } = await writeVerified(temporary, digest, signal, async (to) => {
    const old = await copyFrom(catalog.path(`${name}${COMPRESSED}`), previous.compressedBytes, to);
    return gzipInto(bytesOf(file.fd, previous.bytes, end, signal), to, old);
  });
  const entry = { ...summary, compressedBytes: size, source: file.source };
  await putInPlace(catalog, name, temporary, entry, previous);
  catalog.compressed.set(name, { ...segment, compressedBytes: size, entry });
  return entry;
}

/** Makes the manifest entry of a segment that has none from the segment itself. */
export async function rebuildEntry(
  catalog: Catalog,
  segment: CompressedSegment,
  signal?: AbortSignal,
): Promise<SegmentEntry> {
  const { name } = segment.name;
  const path = catalog.path(`${name}${COMPRESSED}`);
  const summary = await summarise(path, segment.compressedBytes, true, signal);
  const entry = { ...summary, compressedBytes: segment.compressedBytes, source: null };
  await replaceDurably(new Map([[`${path}${ENTRY}`, formatEntry(entry)]]));
  catalog.compressed.set(name, { ...segment, entry });
  return entry;
}

async function copyFrom(path: string, bytes: number, to: number): Promise<number> {
  const from = await openToRead(path);
  try {
    let offset = 0;
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    while (offset < bytes) {
      const read = await readAt(from, buffer.subarray(0, Math.min(COPY_BYTES, bytes - offset)), offset);
      if (read === 0) break;
      await writeAt(to, buffer.subarray(0, read), offset);
      offset += read;
    }
    return offset;
  } finally {
    await closeFile(from);
  }
}

/** Writes a compressed file, waits until it is on the disk, reads it back, and compares. */
async function writeVerified(
  path: string,
  digest: SegmentDigest,
  signal: AbortSignal | undefined,
  fill: (fd: number) => Promise<number>,
): Promise<{ summary: SegmentSummary; size: number }> {
  const fd = await openTemporary(path);
  try {
    const size = await fill(fd);
    await syncFile(fd);
    const summary = digest.summary();
    const { sha256, bytes } = await gunzippedHash(fd, size, signal);
    if (sha256 !== summary.sha256 || bytes !== summary.bytes) {
      throw new MetricsError('ERR_METRICS_STORE', `${path} does not hold what was compressed into it`);
    }
    return { summary, size };
  } catch (error) {
    await removeFile(path).catch(() => undefined);
    throw error;
  } finally {
    await closeFile(fd);
  }
}

/** The entry comes first: one without its segment means nothing, a segment without its entry is of unknown source. */
async function putInPlace(
  catalog: Catalog,
  name: string,
  temporary: string,
  entry: SegmentEntry,
  previous?: SegmentEntry,
): Promise<void> {
  const path = catalog.path(`${name}${COMPRESSED}`);
  await replaceDurably(new Map([[`${path}${ENTRY}`, formatEntry(entry, previous)]]));
  await renameFile(temporary, path);
  await syncDirectory(catalog.directory);
}
