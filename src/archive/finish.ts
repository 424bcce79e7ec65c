import { MetricsError } from '../errors.js';
import type { Catalog, CompressedSegment, PlainCopy } from './catalog.js';
import { ArchiveChangedError } from './changed.js';
import { COMPRESSED, ENTRY, formatEntry, type SegmentEntry, SOURCE } from './entry.js';
import { removeFile, renameFile, replaceDurably, syncDirectory } from './io.js';
import type { Packed, PackJob } from './pack.js';
import type { RamFile } from './ram.js';
import type { Thread } from './thread.js';

/**
 * Compresses a finished plain copy, and deletes it when the compressed one was read back and is the same.
 *
 * @param catalog - What is in the archive.
 * @param copy - The copy; nobody else may change it meanwhile, and its name with `.gz` must be free.
 * @param thread - Does it.
 * @returns The manifest entry.
 */
export async function compressCopy(
  catalog: Catalog,
  copy: PlainCopy,
  thread: Thread,
  signal?: AbortSignal,
): Promise<SegmentEntry> {
  const { name } = copy.name;
  const temporary = catalog.path(`${name}${COMPRESSED}.tmp`);
  const job = { from: catalog.path(name), end: copy.size, to: temporary };
  const { summary, size } = await packVerified(thread, job, signal);
  const entry = { ...summary, compressedBytes: size, source: copy.source ?? null };
  await putInPlace(catalog, name, temporary, entry);
  catalog.compressed.set(name, { name: copy.name, compressedBytes: size, entry });
  await removeCopy(catalog, copy);
  return entry;
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
  thread: Thread,
  signal?: AbortSignal,
): Promise<SegmentEntry> {
  const { name } = segment.name;
  const { entry: previous } = segment;
  const path = catalog.path(`${name}${COMPRESSED}`);
  const temporary = `${path}.tmp`;
  const begun = { path, compressedBytes: previous.compressedBytes, bytes: previous.bytes };
  const job = { from: file.fd, end: file.stat.size, to: temporary, begun };
  const { summary, size } = await packVerified(thread, job, signal);
  const entry = { ...summary, compressedBytes: size, source: file.source };
  await putInPlace(catalog, name, temporary, entry, previous);
  catalog.compressed.set(name, { ...segment, compressedBytes: size, entry });
  return entry;
}

/** Makes the manifest entry of a segment that has none from the segment itself. */
export async function rebuildEntry(
  catalog: Catalog,
  segment: CompressedSegment,
  thread: Thread,
  signal?: AbortSignal,
): Promise<SegmentEntry> {
  const { name } = segment.name;
  const path = catalog.path(`${name}${COMPRESSED}`);
  const summary = await thread.summarise(path, segment.compressedBytes, signal);
  const entry = { ...summary, compressedBytes: segment.compressedBytes, source: null };
  await replaceDurably(new Map([[`${path}${ENTRY}`, formatEntry(entry)]]));
  catalog.compressed.set(name, { ...segment, entry });
  return entry;
}

/** Compresses a file; what is not whole, or does not hold the same when it is read back, goes. */
async function packVerified(
  thread: Thread,
  job: Omit<PackJob, 'kind'>,
  signal: AbortSignal | undefined,
): Promise<Packed> {
  try {
    const packed = await thread.pack(job, signal);
    if (!packed.verified) {
      throw new MetricsError('ERR_METRICS_STORE', `${job.to} does not hold what was compressed into it`);
    }
    if (packed.summary.bytes !== job.end) throw new ArchiveChangedError(`what ${job.to} is made of`);
    return packed;
  } catch (error) {
    await removeFile(job.to).catch(() => undefined);
    throw error;
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
