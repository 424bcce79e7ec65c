import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where a reader is in one file. */
export interface FilePosition {
  /** Device of the file, as a decimal number. */
  readonly dev: string;
  /** Inode of the file, as a decimal number. */
  readonly ino: string;
  /** Offset behind the last line that was read. */
  readonly offset: number;
  /**
   * Hash of what the file begins with, up to the offset at most. Many file systems give the inode of a deleted file to
   * the next one, which begins with something else.
   */
  readonly head?: string | undefined;
}

/**
 * Where a reader is in all files of a directory.
 *
 * @remarks
 * Files are told apart by device and inode, since a live file changes its name when it is sealed. Both numbers begin
 * anew at each boot, so the boot's id belongs to them.
 */
export interface Position {
  /** Id of the boot, empty where the system has none. */
  readonly boot: string;
  /** Where it is in each file. */
  readonly files: readonly FilePosition[];
}

/** How much of what was read tells a file from others. Files only grow, so that it stays as it is. */
export const HEAD_BYTES = 256;

/** Hash of the beginning of a file. */
export function hashHead(head: Buffer): string {
  return createHash('sha256').update(head).digest('base64url').slice(0, 16);
}

/** Id of this boot of the machine; empty where the system does not tell. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * Loads a saved position.
 *
 * @returns The position; undefined where none was ever saved. What is damaged or of another boot says nothing of any
 * file: then all of them are new, and are read from their beginning rather than missed.
 */
export function loadPosition(path: string): Position | undefined {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  return isPosition(json) ? ofThisBoot(json) : { boot: bootId(), files: [] };
}

/** What a position says of the files that are there now: nothing, where it is of another boot. */
export function ofThisBoot(position: Position): Position {
  const boot = bootId();
  return position.boot === boot ? position : { boot, files: [] };
}

/** Saves a position so that a crash at any moment leaves the old one or the new one. */
export function savePosition(path: string, position: Position): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    const bytes = Buffer.from(`${JSON.stringify(position)}\n`);
    // A full disk shows as a short count.
    if (writeSync(fd, bytes) !== bytes.length) throw new Error(`ENOSPC: no room to write ${temporary}`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

/** Whether something that was stored somewhere is a position. */
export function isPosition(json: unknown): json is Position {
  if (typeof json !== 'object' || json === null) return false;
  const { boot, files } = json as Partial<Record<keyof Position, unknown>>;
  return typeof boot === 'string' && Array.isArray(files) && files.every(isFilePosition);
}

function isFilePosition(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  const { dev, ino, offset, head } = json as Partial<Record<keyof FilePosition, unknown>>;
  return (
    typeof dev === 'string' &&
    typeof ino === 'string' &&
    Number.isSafeInteger(offset) &&
    (offset as number) >= 0 &&
    (head === undefined || typeof head === 'string')
  );
}
