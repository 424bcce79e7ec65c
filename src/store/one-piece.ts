import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** More than this others do not append within a write; somebody who was stopped in it looks at no more. */
const MOST_BYTES = 1_048_576;

/**
 * Whether what was just appended stands in its file in one piece.
 *
 * @remarks
 * Where a file system fills up within a write, the kernel stores a part of it, and libuv writes the rest with another
 * write(2). When room was freed between the two, both succeed, and what somebody else appended meanwhile stands in the
 * middle of the line. Node reports such a write like any other.
 *
 * @param fd - Where it was appended to; it need not be open for reading.
 * @param from - Size of the file before.
 * @param bytes - What was appended.
 * @returns Also true where that cannot be found out: without `/proc`, or where this user may not read the file.
 */
export function inOnePiece(fd: number, from: number, bytes: Buffer): boolean {
  const size = fstatSync(fd).size - from;
  if (size === bytes.length || size > MOST_BYTES) return true;
  let reader: number | undefined;
  try {
    // The very file, whatever its path leads to by now.
    reader = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY);
    const appended = Buffer.allocUnsafe(size);
    return appended.subarray(0, readSync(reader, appended, 0, size, from)).includes(bytes);
  } catch {
    return true;
  } finally {
    if (reader !== undefined) closeSync(reader);
  }
}
