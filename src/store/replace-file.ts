import { closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** So much is written at once. */
const CHUNK_CHARS = 1_048_576;

/**
 * Writes a file beside its place and renames it there when it is on the disk, so that a crash at any moment leaves the
 * old one or the new one. Only its user may read it.
 *
 * @param texts - What is to stand in it, piece by piece.
 * @throws a system error where it cannot be written; the old one is as it was.
 */
export function replaceFile(path: string, texts: Iterable<string>): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const fd = openSync(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    let waiting = '';
    for (const text of texts) {
      waiting += text;
      if (waiting.length < CHUNK_CHARS) continue;
      writeAll(fd, waiting, temporary);
      waiting = '';
    }
    writeAll(fd, waiting, temporary);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function writeAll(fd: number, text: string, path: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    const written = writeSync(fd, bytes, done);
    // A full disk shows as a short count first.
    if (written === 0) throw Object.assign(new Error(`no room to write ${path}`), { code: 'ENOSPC' });
    done += written;
  }
}
