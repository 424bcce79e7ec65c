import { compareText } from './order.js';

/** What decides about a file in RAM. */
export interface HotFile {
  readonly name: string;
  readonly shard: number;
  /** Undefined for a live file. */
  readonly date?: string | undefined;
  readonly bytes: number;
  /** Whether it is sealed and finished, and all its bytes are in the archive for good. */
  readonly archived: boolean;
  /** Milliseconds since its last growth, by the clock. */
  readonly ageMs: number;
  /** Milliseconds for which it certainly did not grow. */
  readonly quietMs: number;
}

/** How long and how much stays in RAM. */
export interface HotPolicy {
  /** Milliseconds that a segment stays beyond its last growth. */
  readonly retentionMs: number;
  /** Bytes that all files together should not exceed. */
  readonly maxBytes: number;
  /** Milliseconds without growth before which nothing leaves, whatever else is the case. */
  readonly floorMs: number;
}

/** What is to be done. */
export interface HotPlan {
  /** Segments that leave RAM, the oldest first. */
  readonly release: readonly { readonly name: string; readonly reason: 'age' | 'size' }[];
  /** The shard to seal, so that its bytes can leave. */
  readonly seal: number | undefined;
}

/**
 * Decides what leaves RAM, and whether something has to be sealed so that it can.
 *
 * @remarks
 * Over the cap the largest live shard is sealed, but only while what is sealed already, and therefore on its way out,
 * is less than what is too much: a segment takes minutes to leave.
 */
export function planHot(files: readonly HotFile[], policy: HotPolicy): HotPlan {
  const sealed = files
    .filter(({ date }) => date !== undefined)
    .sort((a, b) => compareText(a.date ?? '', b.date ?? '') || b.ageMs - a.ageMs || a.shard - b.shard);
  let total = bytesOf(files);
  let leaving = bytesOf(sealed);
  const release = sealed.flatMap((file): HotPlan['release'] => {
    if (!file.archived || file.quietMs < policy.floorMs) return [];
    const old = file.ageMs >= policy.retentionMs;
    if (!old && total <= policy.maxBytes) return [];
    total -= file.bytes;
    leaving -= file.bytes;
    return [{ name: file.name, reason: old ? 'age' : 'size' }];
  });
  return { release, seal: leaving < total - policy.maxBytes ? largestLive(files) : undefined };
}

function largestLive(files: readonly HotFile[]): number | undefined {
  let largest: HotFile | undefined;
  for (const file of files) {
    if (file.date === undefined && file.bytes > (largest?.bytes ?? 0)) largest = file;
  }
  return largest?.shard;
}

function bytesOf(files: readonly HotFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
