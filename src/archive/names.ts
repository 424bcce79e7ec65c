import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { parseName, type SegmentName } from '../store/shard.js';
import type { Catalog, PlainCopy } from './catalog.js';
import { SOURCE } from './entry.js';
import { removeFile, renameFile, replaceDurably, syncDirectory } from './io.js';
import { firstTime } from '../store/first-time.js';
import type { Source } from './source.js';

/** The UTC date of a time, `YYYYMMDD`. */
export function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10).replaceAll('-', '');
}

/** The date that a plain copy is about: that of its first record; where it has none, of its last change. */
export function dateOfCopy(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return dateOf(firstTime(fd) ?? fstatSync(fd).mtimeMs);
  } finally {
    closeSync(fd);
  }
}

/** What says which file a copy is made from. */
export function formatSource(source: Source | undefined): string {
  return `${JSON.stringify(source ?? null)}\n`;
}

/**
 * Gives a plain copy another name.
 *
 * @remarks
 * What says where it comes from is there under the new name before the copy is, and goes under the old name after it:
 * a crash in between leaves one that describes nothing.
 */
export async function renameCopy(
  catalog: Catalog,
  copy: PlainCopy,
  name: string,
  source: Source | undefined,
): Promise<PlainCopy> {
  const { name: old } = copy.name;
  await replaceDurably(new Map([[catalog.path(`${name}${SOURCE}`), formatSource(source)]]));
  await renameFile(catalog.path(old), catalog.path(name));
  await syncDirectory(catalog.directory);
  const renamed = { ...copy, name: parseName(name) as SegmentName, source };
  catalog.plain.delete(old);
  catalog.plain.set(name, renamed);
  await removeFile(catalog.path(`${old}${SOURCE}`));
  return renamed;
}
