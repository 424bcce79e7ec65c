import { fstatSync } from 'node:fs';

/**
 * Which file in RAM an archived file is a copy of.
 *
 * @remarks
 * Device and inode begin anew at each boot, and the inode of a deleted file may be given to the next one: hence the
 * boot, and the time at which the file was made.
 *
 * @public
 */
export interface Source {
  /** Id of the boot, empty where the system has none. */
  readonly boot: string;
  /** Device of the file, as a decimal number. */
  readonly dev: string;
  /** Inode of the file, as a decimal number. */
  readonly ino: string;
  /** When the file was made, in nanoseconds; `0` where the file system does not say. */
  readonly born: string;
}

/** The identity of an open file in RAM. */
export function sourceOf(fd: number, boot: string): Source {
  const { dev, ino, birthtimeNs } = fstatSync(fd, { bigint: true });
  return { boot, dev: `${dev}`, ino: `${ino}`, born: `${birthtimeNs}` };
}

/** One string for an identity, to look it up by. */
export function sourceKey({ boot, dev, ino, born }: Source): string {
  return `${boot} ${dev} ${ino} ${born}`;
}

/** Reads an identity that was saved; undefined where it is none. */
export function parseSource(json: unknown): Source | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { boot, dev, ino, born } = json as Partial<Record<keyof Source, unknown>>;
  const ok = [boot, dev, ino, born].every((part) => typeof part === 'string');
  return ok ? ({ boot, dev, ino, born } as Source) : undefined;
}
