import { bytesOf, gunzippedHash } from './compress.js';
import { SegmentDigest } from './digest.js';
import type { SegmentSummary } from './entry.js';
import { GzipMember } from './gzip.js';
import { closeFile, openTemporary, openToRead, readAt, syncFile, writeAt } from './io.js';

/** Bytes that are read, summed up and compressed at a time. */
const BLOCK_BYTES = 262_144;

/** A file to compress. */
export interface PackJob {
  readonly kind: 'pack';
  /** Its path, or a descriptor that stays open meanwhile. */
  readonly from: string | number;
  /** How much of it is compressed. */
  readonly end: number;
  /** Path of the temporary file that it is compressed into; what is there goes. */
  readonly to: string;
  /** A compressed file that holds its beginning, and how much that is: only the rest is compressed. */
  readonly begun?: { readonly path: string; readonly compressedBytes: number; readonly bytes: number };
}

/** What came of it. */
export interface Packed {
  /** What was read. */
  readonly summary: SegmentSummary;
  /** Bytes of the compressed file. */
  readonly size: number;
  /** Whether that holds the same, read back after it was on the disk. */
  readonly verified: boolean;
}

/** Compresses a file, waits until that is on the disk, reads it back, and compares. */
export async function pack({ from, end, to, begun }: PackJob): Promise<Packed> {
  const source = typeof from === 'string' ? await openToRead(from) : from;
  try {
    const target = await openTemporary(to);
    try {
      const digest = new SegmentDigest();
      const size = await fill(source, end, target, digest, begun);
      await syncFile(target);
      const summary = digest.summary();
      const { sha256, bytes } = await gunzippedHash(target, size);
      return { summary, size, verified: sha256 === summary.sha256 && bytes === summary.bytes };
    } finally {
      await closeFile(target);
    }
  } finally {
    if (typeof from === 'string') await closeFile(source);
  }
}

async function fill(
  source: number,
  end: number,
  target: number,
  digest: SegmentDigest,
  begun: PackJob['begun'],
): Promise<number> {
  const start = begun?.bytes ?? 0;
  let size = begun === undefined ? 0 : await copyFrom(begun.path, begun.compressedBytes, target);
  for await (const block of bytesOf(source, 0, start, BLOCK_BYTES)) digest.update(block);
  const member = new GzipMember();
  const write = async (bytes: Buffer): Promise<void> => {
    await writeAt(target, bytes, size);
    size += bytes.length;
  };
  for await (const block of bytesOf(source, start, end, BLOCK_BYTES)) {
    digest.update(block);
    await write(member.push(block));
  }
  await write(member.end());
  return size;
}

async function copyFrom(path: string, bytes: number, to: number): Promise<number> {
  const from = await openToRead(path);
  try {
    const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
    let offset = 0;
    while (offset < bytes) {
      const read = await readAt(from, buffer.subarray(0, Math.min(BLOCK_BYTES, bytes - offset)), offset);
      if (read === 0) break;
      await writeAt(to, buffer.subarray(0, read), offset);
      offset += read;
    }
    return offset;
  } finally {
    await closeFile(from);
  }
}
