import { createGunzip } from 'node:zlib';
import { readAt } from './io.js';

/** Compressed bytes at a time; and where they are damaged, so that little of what is whole is lost. */
const STEP_BYTES = 65_536;
const FINE_STEP_BYTES = 16;
/** What comes out of zlib at a time. */
const OUTPUT_BYTES = 65_536;

/** A compressed file is damaged: its message says how. */
class DamageError extends Error {
  /** Where in the file the piece begins that zlib refused; the size of the file where only its end is missing. */
  readonly offset: number;

  constructor({ message }: Error, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * The uncompressed bytes of a compressed file, of all its members, up to where it is damaged.
 *
 * @remarks
 * zlib keeps what it made of a piece to itself when there is damage in it. So a damaged file is read a second time, and
 * there in pieces of a few bytes.
 *
 * @throws Error where it is damaged, after everything before that.
 */
export async function* gunzipUpToDamage(fd: number, size: number): AsyncGenerator<Buffer, void, undefined> {
  let given = 0;
  let damage: unknown;
  try {
    for await (const bytes of inflate(fd, size, size)) {
      given += bytes.length;
      yield bytes;
    }
    return;
  } catch (error) {
    damage = error;
  }
  if (!(damage instanceof DamageError) || damage.offset === size) throw damage;
  let seen = 0;
  for await (const bytes of inflate(fd, size, damage.offset)) {
    const known = Math.max(0, given - seen);
    seen += bytes.length;
    if (known < bytes.length) yield bytes.subarray(known);
  }
}

async function* inflate(fd: number, size: number, fineFrom: number): AsyncGenerator<Buffer, void, undefined> {
  const stream = createGunzip({ chunkSize: OUTPUT_BYTES });
  let made: Buffer[] = [];
  // What is handed over as it is made cannot be lost when the stream fails.
  stream.on('data', (bytes: Buffer) => made.push(bytes));
  // A write that zlib refuses is never answered otherwise.
  const failed = new Promise<Error>((resolve) => stream.once('error', resolve));
  const ended = new Promise<undefined>((resolve) => stream.once('end', () => resolve(undefined)));
  try {
    const buffer = Buffer.allocUnsafe(Math.min(STEP_BYTES, size));
    for (let offset = 0; offset < size;) {
      const step = offset < fineFrom ? fineFrom - offset : FINE_STEP_BYTES;
      const length = await readAt(fd, buffer.subarray(0, Math.min(step, size - offset)), offset);
      if (length === 0) break;
      const written = new Promise<Error | undefined>((resolve) => {
        stream.write(buffer.subarray(0, length), (error) => resolve(error ?? undefined));
      });
      const error = await Promise.race([failed, written]);
      yield* made;
      made = [];
      if (error !== undefined) throw new DamageError(error, offset);
      offset += length;
    }
    stream.end();
    const error = await Promise.race([failed, ended]);
    yield* made;
    if (error !== undefined) throw new DamageError(error, size);
  } finally {
    stream.destroy();
  }
}
