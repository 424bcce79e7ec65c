import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SegmentDigest } from './digest.js';
import type { SegmentSummary } from './entry.js';
import { closeFile, openToRead, readAt } from './io.js';

/** Bytes at a time: so few that an event loop is free again after a fraction of a millisecond. */
const STEP_BYTES = 16_384;
/** What comes out of zlib at a time. */
const OUTPUT_BYTES = 65_536;

/**
 * The bytes `[start, end)` of a file, some at a time.
 *
 * @param stepBytes - How many at most.
 */
export async function* bytesOf(
  fd: number,
  start: number,
  end: number,
  stepBytes = STEP_BYTES,
): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = start; offset < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(stepBytes, end - offset));
    const bytes = await readAt(fd, buffer, offset);
    if (bytes === 0) return;
    offset += bytes;
    yield buffer.subarray(0, bytes);
  }
}

/**
 * The uncompressed bytes of a compressed segment, of all its members.
 *
 * @throws Error where it is damaged.
 */
export async function* gunzip(fd: number, size: number): AsyncGenerator<Buffer, void, undefined> {
  const stream = createGunzip({ chunkSize: OUTPUT_BYTES });
  const source = Readable.from(bytesOf(fd, 0, size));
  source.once('error', (error) => stream.destroy(error));
  try {
    yield* source.pipe(stream) as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
  }
}

/** SHA-256 and size of what a compressed file holds. */
export async function gunzippedHash(fd: number, size: number): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of gunzip(fd, size)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** Sums up a segment of the archive, compressed or not. */
export async function summarise(path: string, size: number, compressed: boolean): Promise<SegmentSummary> {
  const fd = await openToRead(path);
  try {
    const digest = new SegmentDigest();
    for await (const chunk of compressed ? gunzip(fd, size) : bytesOf(fd, 0, size)) digest.update(chunk);
    return digest.summary();
  } finally {
    await closeFile(fd);
  }
}
