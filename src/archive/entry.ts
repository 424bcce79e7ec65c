import { parseSource, type Source } from './source.js';

/**
 * What is in a segment.
 *
 * @public
 */
export interface SegmentSummary {
  /** Bytes, uncompressed. */
  readonly bytes: number;
  /** Lines that end with a newline. */
  readonly lines: number;
  /** Records that were cut off. */
  readonly torn: number;
  /** Lines, or pieces of one, that are no record. */
  readonly foreign: number;
  /** SHA-256 of the uncompressed bytes, in hexadecimal. */
  readonly sha256: string;
  /** Earliest time of a record, ISO 8601; null where there is no record. */
  readonly first: string | null;
  /** Latest time of a record, ISO 8601; null where there is no record. */
  readonly last: string | null;
}

/**
 * The manifest entry of a compressed segment: the file `<segment>.gz.json` beside it.
 *
 * @public
 */
export interface SegmentEntry extends SegmentSummary {
  /** Bytes of the compressed file. */
  readonly compressedBytes: number;
  /** The file in RAM that it is a copy of; null where nobody knows any more. */
  readonly source: Source | null;
}

/** An entry as it is stored: with the one before it, in case its file was never replaced. */
interface StoredEntry extends SegmentEntry {
  readonly previous?: SegmentEntry | undefined;
}

/** Suffix of a compressed segment. */
export const COMPRESSED = '.gz';
/** Suffix of the manifest entry, behind the name of the compressed segment. */
export const ENTRY = '.json';
/** Suffix of what says which file a plain copy is made from. */
export const SOURCE = '.source';

/** Formats an entry for its file. */
export function formatEntry(entry: SegmentEntry, previous?: SegmentEntry): string {
  return `${JSON.stringify({ ...entry, previous })}\n`;
}

/**
 * Reads an entry.
 *
 * @param text - The content of its file.
 * @param compressedBytes - The size of the segment that it should describe: a crash may have left a new entry beside
 * the old segment.
 * @returns The entry; undefined where it is damaged or describes another file.
 */
export function parseEntry(text: string, compressedBytes: number): SegmentEntry | undefined {
  const { entry, previous } = parseEntries(text);
  return [entry, previous].find((found) => found?.compressedBytes === compressedBytes);
}

/** Reads an entry and the one before it, whichever of them describes the segment; undefined where one is damaged. */
export function parseEntries(text: string): {
  readonly entry?: SegmentEntry | undefined;
  readonly previous?: SegmentEntry | undefined;
} {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isEntry(json)) return {};
  const { previous, ...entry } = json as StoredEntry;
  return { entry, previous: isEntry(previous) ? previous : undefined };
}

function isEntry(json: unknown): json is SegmentEntry {
  if (typeof json !== 'object' || json === null) return false;
  const { source, sha256, first, last, ...rest } = json as Partial<Record<keyof SegmentEntry, unknown>>;
  return (
    (source === null || parseSource(source) !== undefined) &&
    typeof sha256 === 'string' &&
    [first, last].every((time) => time === null || typeof time === 'string') &&
    [rest.bytes, rest.compressedBytes, rest.lines, rest.torn, rest.foreign].every(Number.isSafeInteger)
  );
}
