import { constants, crc32, deflateRawSync } from 'node:zlib';

const LEVEL = 6;
/** RFC 1952, section 2.3: magic number, deflate, no flags, no time, no extra flags, Unix. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
/** What deflate looks back at. */
const WINDOW_BYTES = 32_768;

/**
 * One gzip member, made a block at a time on the thread that asks.
 *
 * @remarks
 * As pigz does it: each block is compressed with the end of the one before it as its dictionary, and ends at a byte. It
 * is as small as what a stream makes, whose work would be done by the threads that the whole process shares.
 */
export class GzipMember {
  #crc = 0;
  #bytes = 0;
  #window: Buffer | undefined;

  /** Compresses the next bytes. */
  push(bytes: Buffer): Buffer {
    const begin = this.#window === undefined ? HEADER : Buffer.alloc(0);
    const { Z_SYNC_FLUSH: finishFlush } = constants;
    const dictionary = this.#window && { dictionary: this.#window };
    const block = deflateRawSync(bytes, { level: LEVEL, finishFlush, ...dictionary });
    this.#crc = crc32(bytes, this.#crc);
    this.#bytes += bytes.length;
    // Copied, for it must not keep the whole block.
    this.#window = Buffer.from(bytes.subarray(-WINDOW_BYTES));
    return Buffer.concat([begin, block]);
  }

  /** Ends it: a last block with nothing in it, and what all of it was. */
  end(): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#bytes % 2 ** 32, 4);
    const begin = this.#window === undefined ? HEADER : Buffer.alloc(0);
    return Buffer.concat([begin, deflateRawSync(Buffer.alloc(0)), trailer]);
  }
}
