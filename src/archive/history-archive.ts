import { closeSync, fstatSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TimeRange } from '../store/chunks.js';
import { bootId } from '../store/position.js';
import { compareAge, openSegment, type Segment } from '../store/segments.js';
import { parseName, type SegmentName } from '../store/shard.js';
import { COMPRESSED, ENTRY, parseEntries, type SegmentEntry, SOURCE } from './entry.js';
import { compressedFile, midnight, readText } from './history-compressed.js';
import type { HistoryFile, Place } from './history-place.js';
import { plainFile } from './history-plain.js';
import { parseSource, sourceKey, sourceOf } from './source.js';

/** How often an archive is listed that is another one each time. */
const MAX_LISTINGS = 200;

/** A copy of a file in RAM, or of what was one. */
interface Candidate {
  readonly place: Place;
  readonly name: SegmentName;
  /** The file that it is a copy of; undefined where nobody knows any more. */
  readonly key: string | undefined;
  /** How much of that file it holds. */
  readonly bytes: number;
  /** The open file of a plain copy; compressed ones are opened later. */
  readonly plain?: Segment | undefined;
  /** Manifest entry of a compressed one. */
  readonly entry?: SegmentEntry | undefined;
}

/**
 * Finds what of some archives is to be read beside the files that are open in RAM, so that every record comes once.
 *
 * @remarks
 * What was recorded goes from RAM to a plain copy and from there to a compressed one, and leaves a place only after it is
 * in the next. So RAM has to be opened before, plain copies are opened here, and only then it counts what is compressed:
 * whatever is moved meanwhile is found at one of the three. What is found twice is told by its source.
 *
 * @param ram - The files in RAM.
 * @param open - Receives what is opened, for the caller to close.
 */
export async function findArchived(
  places: readonly Place[],
  ram: readonly Segment[],
  range: TimeRange,
  open: Segment[],
): Promise<HistoryFile[]> {
  const candidates = places.flatMap((place) => candidatesOf(place, range, open));
  const chosen = await withoutTwins(choose(candidates, ram));
  return [...chosen]
    .filter(({ entry }) => entry === undefined || mayHold(entry, range))
    .map(({ place, name, plain, entry }) =>
      plain === undefined ? compressedFile(place, name, entry, range) : plainFile(place, plain, range),
    );
}

function candidatesOf(place: Place, range: TimeRange, open: Segment[]): Candidate[] {
  try {
    const { copies, names } = openCopies(place, open);
    return [...copies, ...findCompressed(place, names, range)];
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    place.unreadable.push({ file: place.directory, reason: code });
    return [];
  }
}

/** Of each source the longest copy, and none where the source itself is in RAM. */
function choose(candidates: readonly Candidate[], ram: readonly Segment[]): Set<Candidate> {
  const boot = bootId();
  const sources = new Map(ram.map(({ fd }) => [sourceKey(sourceOf(fd, boot)), fd]));
  const inodes = new Set(ram.map(inodeOf));
  const best = new Map<string, Candidate>();
  const chosen = new Set<Candidate>();
  for (const candidate of candidates) {
    const { key, bytes, plain } = candidate;
    if (plain !== undefined && inodes.has(inodeOf(plain))) continue;
    const fd = key === undefined ? undefined : sources.get(key);
    // A copy is never longer than its source: then it is of another file that had the same inode.
    if (fd !== undefined && fstatSync(fd).size >= bytes) continue;
    const other = key === undefined ? undefined : best.get(key);
    if (other !== undefined && other.bytes >= bytes) continue;
    if (other !== undefined) chosen.delete(other);
    if (key !== undefined) best.set(key, candidate);
    chosen.add(candidate);
  }
  return chosen;
}

/** Without plain copies of unknown source that a crash left beside the compressed segment that was made of them. */
async function withoutTwins(chosen: Set<Candidate>): Promise<Set<Candidate>> {
  const unknown = [...chosen].filter(({ key }) => key === undefined);
  for (const candidate of unknown) {
    const { plain, bytes } = candidate;
    const twins = unknown.filter(({ entry, name }) => {
      return plain !== undefined && entry?.bytes === bytes && name.shard === plain.shard;
    });
    if (plain === undefined || twins.length === 0) continue;
    const { hashOf } = await import('./history-hash.js');
    const sha256 = await hashOf(plain.fd, bytes);
    if (twins.some(({ entry }) => entry?.sha256 === sha256)) chosen.delete(candidate);
  }
  return chosen;
}

interface ArchiveNames {
  readonly plain: readonly SegmentName[];
  /** Without `.gz`. */
  readonly compressed: readonly SegmentName[];
  /** All of them as one text, to compare. */
  readonly text: string;
}

function listNames(directory: string): ArchiveNames {
  const plain: SegmentName[] = [];
  const compressed: SegmentName[] = [];
  const texts: string[] = [];
  for (const text of readdirSync(directory)) {
    const isCompressed = text.endsWith(COMPRESSED);
    const name = parseName(isCompressed ? text.slice(0, -COMPRESSED.length) : text);
    if (name === undefined) continue;
    (isCompressed ? compressed : plain).push(name);
    texts.push(text);
  }
  return { plain, compressed, text: texts.sort().join() };
}

/** Opens all plain copies, and lists what is compressed then. */
function openCopies(place: Place, open: Segment[]): { copies: Candidate[]; names: ArchiveNames } {
  const copies = new Map<string, Candidate>();
  const refused = new Set<string>();
  // A listing may miss a name that is changed at that moment; what is listed twice alike, and could be opened, is all.
  let names = listNames(place.directory);
  let listings = 1;
  for (let before = '', moved = false; moved || names.text !== before; names = listNames(place.directory)) {
    if ((listings += 1) > MAX_LISTINGS) {
      place.unreadable.push({ file: place.directory, reason: 'its files change too fast' });
      break;
    }
    before = names.text;
    moved = false;
    for (const name of names.plain) {
      if (refused.has(name.name)) continue;
      const segment = openSegment(place.directory, name);
      if (segment !== undefined && 'reason' in segment) {
        refused.add(name.name);
        place.unreadable.push(segment);
      } else if (segment === undefined || !addCopy(place, segment, copies, open)) moved = true;
    }
  }
  return { copies: [...copies.values()], names };
}

/** Takes an open copy; false where another file has its name meanwhile. */
function addCopy(place: Place, segment: Segment, copies: Map<string, Candidate>, open: Segment[]): boolean {
  const inode = inodeOf(segment);
  const path = join(place.directory, segment.name);
  const source = readSource(`${path}${SOURCE}`);
  const now = lstatSync(path, { throwIfNoEntry: false });
  const same = now !== undefined && inodeOf({ stat: now }) === inode;
  if (!same || copies.has(inode)) {
    closeSync(segment.fd);
    return same;
  }
  open.push(segment);
  copies.set(inode, { place, name: segment, key: source, bytes: segment.stat.size, plain: segment });
  return true;
}

function readSource(path: string): string | undefined {
  try {
    const source = parseSource(JSON.parse(readText(path) ?? ''));
    return source && sourceKey(source);
  } catch {
    return undefined;
  }
}

/**
 * The compressed segments that may hold something of a time range.
 *
 * @remarks
 * Segments of a shard follow one another, so the search goes from the newest day to the oldest and ends behind one that
 * begins before the range: a short time costs no more in a long history. (On one day their numbers tell no order.)
 */
function findCompressed(place: Place, { compressed }: ArchiveNames, range: TimeRange): Candidate[] {
  const { since, until, latenessMs } = range;
  const newer = new Map<number, { date: string | undefined; begin: number }>();
  const found: Candidate[] = [];
  for (const name of [...compressed].sort((a, b) => compareAge(b, a))) {
    if (midnight(name) - latenessMs >= until) continue;
    const { date, begin } = newer.get(name.shard) ?? { date: name.date, begin: Infinity };
    if (date !== name.date && begin <= since - latenessMs) continue;
    const text = readText(join(place.directory, `${name.name}${COMPRESSED}${ENTRY}`)) ?? '';
    const { entry } = parseEntries(text);
    const key = entry?.source ? sourceKey(entry.source) : undefined;
    found.push({ place, name, key, bytes: entry?.bytes ?? 0, entry });
    const first = entry?.first ? Date.parse(entry.first) : Infinity;
    newer.set(name.shard, { date: name.date, begin: Math.min(begin, first) });
  }
  return found;
}

/** Whether a segment can hold a record of a range, as far as its manifest entry tells. */
function mayHold({ first, last }: SegmentEntry, { since, until }: TimeRange): boolean {
  return first !== null && last !== null && Date.parse(last) >= since && Date.parse(first) < until;
}

/** What tells open files apart, whatever their names. */
function inodeOf({ stat: { dev, ino } }: Pick<Segment, 'stat'>): string {
  return `${dev}:${ino}`;
}
