import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseRecord } from '../../src/parse.js';
import { parseName } from '../../src/store/shard.js';

/** A file of an archive or of RAM, decompressed. */
export interface Stored {
  readonly file: string;
  readonly text: Buffer;
}

/** The files of a directory; while an archiver is in the middle of it, some bytes are there twice. */
export function storedFiles(directory: string): Stored[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.flatMap((file): Stored[] => {
    if (parseName(file.replace(/\.gz$/, '')) === undefined) return [];
    const bytes = readFileSync(join(directory, file));
    return [{ file, text: file.endsWith('.gz') ? gunzipSync(bytes) : bytes }];
  });
}

/** How often each value is stored in some files. */
export function countValues(files: readonly Stored[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { text } of files) {
    for (const line of text.toString().split('\n').slice(0, -1)) {
      const value = parseRecord(line)?.value;
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return counts;
}

/** Plain copies that are not the beginning of the file that they say they are a copy of. */
export function badCopies(shm: string, archive: string): string[] {
  const inRam = new Map(
    readdirSync(shm).map((name) => [`${statSync(join(shm, name)).ino}`, join(shm, name)]),
  );
  return storedFiles(archive).flatMap(({ file, text }) => {
    if (file.endsWith('.gz')) return [];
    const described = join(archive, `${file}.source`);
    if (!existsSync(described)) return [`${file} has no source`];
    const source = JSON.parse(readFileSync(described, 'utf8')) as { ino: string } | null;
    const path = inRam.get(source?.ino ?? '');
    if (path === undefined) return [];
    const original = readFileSync(path).subarray(0, text.length);
    return original.equals(text) ? [] : [`${file} is not the beginning of its source`];
  });
}
