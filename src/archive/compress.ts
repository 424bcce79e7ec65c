import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { SegmentDigest } from './digest.js';
import type { SegmentSummary } from './entry.js';
import { closeFile, openToRead, readAt, writeAt } from './io.js';

/** Bytes at a time: so few that the event loop is free again after a fraction of a millisecond. */
const STEP_BYTES = 16_384;
/** What comes out of zlib at a time. */
const OUTPUT_BYTES = 65_536;

/**
 * The bytes `[start, end)` of a file, some at a time.
 *
 * @param signal - Ends it with an error.
 */
export async function* bytesOf(
  fd: number,
  start: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = start; offset < end;) {
    signal?.throwIfAborted();
    const buffer = Buffer.allocUnsafe(Math.min(STEP_BYTES, end - offset));
    const bytes = await readAt(fd, buffer, offset);
    if (bytes === 0) return;
    offset += bytes;
    yield buffer.subarray(0, bytes);
  }
}

/**
 * Compresses bytes into a file as one gzip member.
 *
 * @param bytes - The bytes.
 * @param to - Descriptor of the file.
 * @param position - Where in it the member begins.
 * @returns Where it ends.
 */
export async function gzipInto(bytes: AsyncIterable<Buffer>, to: number, position: number): Promise<number> {
  let end = position;
  await pipeline(
    Readable.from(bytes),
    createGzip({ level: 6, chunkSize: OUTPUT_BYTES }),
    async (compressed) => {
      for await (const chunk of compressed as AsyncIterable<Buffer>) {
        await writeAt(to, chunk, end);
        end += chunk.length;
      }
    },
  );
  return end;
}

/** Passes bytes on, and gives each chunk to somebody else as well. */
export async function* tapped(
  bytes: AsyncIterable<Buffer>,
  digest: Pick<SegmentDigest, 'update'>,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of bytes) {
    digest.update(chunk);
    yield chunk;
  }
}

/**
 * The uncompressed bytes of a compressed segment, of all its members.
 *
 * @throws Error where it is damaged.
 */
export async function* gunzip(
  fd: number,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const stream = createGunzip({ chunkSize: OUTPUT_BYTES });
  const source = Readable.from(bytesOf(fd, 0, size, signal));
  source.once('error', (error) => stream.destroy(error));
  try {
    yield* source.pipe(stream) as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
  }
}

/** SHA-256 and size of what a compressed file holds. */
export async function gunzippedHash(
  fd: number,
  size: number,
  signal?: AbortSignal,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of gunzip(fd, size, signal)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** Sums up a segment of the archive, compressed or not. */
export async function summarise(
  path: string,
  size: number,
  compressed: boolean,
  signal?: AbortSignal,
): Promise<SegmentSummary> {
  const fd = await openToRead(path);
  try {
    const digest = new SegmentDigest();
    const bytes = compressed ? gunzip(fd, size, signal) : bytesOf(fd, 0, size, signal);
    for await (const chunk of bytes) digest.update(chunk);
    return digest.summary();
  } finally {
    await closeFile(fd);
  }
}
