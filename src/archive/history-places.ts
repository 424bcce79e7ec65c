import { readdirSync, statSync } from 'node:fs';
import { readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { shardDirectory } from '../store/directory.js';
import { requireDirectory } from '../store/reader.js';
import { parseName } from '../store/shard.js';
import { Place } from './history-place.js';

/**
 * Finds what is to be read.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where a path is none; `ERR_METRICS_DIRECTORY` where what is named is missing.
 */
export function findPlaces(
  directory: string | readonly string[] | undefined,
  archive: string | readonly string[] | undefined,
): Place[] {
  const named = list('directory', directory);
  const directories = named?.map((path) => ({ path, explicit: true })) ?? [
    shardDirectory(readEnvironment().directory),
  ];
  const archives = list('archive', archive) ?? [];
  for (const path of archives) requireDirectory({ path, explicit: true }, 'archive');
  const places = directories.map((found) => {
    requireDirectory(found);
    return new Place(found.path, found.explicit && isArchive(found.path));
  });
  return withoutRepeats([...places, ...archives.map((path) => new Place(path, true))]);
}

function list(name: string, paths: string | readonly string[] | undefined): readonly string[] | undefined {
  if (paths === undefined) return undefined;
  const all = typeof paths === 'string' ? [paths] : paths;
  for (const path of all) {
    // JavaScript callers may pass anything.
    if (typeof (path as unknown) === 'string' && path !== '') continue;
    throw new MetricsError('ERR_METRICS_OPTION', `${name} must be a path, got ${shown(path)}`);
  }
  return all;
}

/** An archive that is named twice is one. */
function withoutRepeats(places: readonly Place[]): Place[] {
  const seen = new Set<string>();
  return places.filter(({ directory, archive }) => {
    const stat = statSync(directory, { throwIfNoEntry: false });
    const key = `${stat?.dev}:${stat?.ino}`;
    if (stat === undefined || !archive) return true;
    return !seen.has(key) && seen.add(key);
  });
}

/**
 * Whether a directory is that of an archive: it has files that only those have. Where everybody may write, anybody could
 * have put them there to hide what is beside them.
 */
function isArchive(path: string): boolean {
  const marked = /^(.*\.jsonl)\.(?:gz|source)$/;
  return (
    (statSync(path).mode & 0o002) === 0 &&
    readdirSync(path).some((name) => parseName(marked.exec(name)?.[1] ?? '') !== undefined)
  );
}
