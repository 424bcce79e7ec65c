import { compareText } from './order.js';

const DAY_MS = 86_400_000;

/** What decides about the deletion of a segment. */
export interface Retained {
  readonly name: string;
  /** UTC date in its name, `YYYYMMDD`. */
  readonly date: string;
  /** Time of its earliest record, ISO 8601; empty where it has none. */
  readonly first: string;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** Whether it goes by its age alone: nobody knows what is in it, and it may be wanted for mending until then. */
  readonly onlyByAge?: boolean;
}

/** How long and how much is kept. */
export interface RetentionPolicy {
  /** Days that a segment is kept beyond the day that it is about. */
  readonly days: number;
  /** Bytes that the archive may have; undefined for no bound. */
  readonly maxBytes?: number | undefined;
}

/** A segment that is to go, and why. */
export interface Expired {
  readonly name: string;
  readonly reason: 'age' | 'size';
}

/**
 * Decides which segments are to be deleted.
 *
 * @param segments - Those that may be: compressed, and no longer in RAM.
 * @param otherBytes - Bytes of everything else in the archive, which counts and stays.
 * @param policy - How long and how much is kept.
 * @param now - Unix milliseconds. A segment of the day before yesterday is kept with `days: 2`, and goes with `days: 1`.
 * @returns The oldest first, by the date in the name and then by their records: a clock or a copy that changed a file's
 * times changes nothing, and a number that is free again says nothing of age.
 */
export function expiredSegments(
  segments: readonly Retained[],
  otherBytes: number,
  policy: RetentionPolicy,
  now: number,
): Expired[] {
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  const oldest = [...segments].sort(
    (a, b) => compareText(a.date, b.date) || compareText(a.first, b.first) || compareText(a.name, b.name),
  );
  let total = otherBytes + segments.reduce((sum, { bytes }) => sum + bytes, 0);
  return oldest.flatMap(({ name, date, bytes, onlyByAge = false }): Expired[] => {
    const old = today - dayOf(date) > policy.days * DAY_MS;
    if (!old && (onlyByAge || total <= (policy.maxBytes ?? Infinity))) return [];
    total -= bytes;
    return [{ name, reason: old ? 'age' : 'size' }];
  });
}

/** The beginning of a UTC day `YYYYMMDD`; not a number where there is no such day, and then never old. */
function dayOf(date: string): number {
  return Date.parse(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}T00:00:00Z`);
}
