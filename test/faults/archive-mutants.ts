import type { Patch } from './case.js';

/** Mistakes of an archiver. */
export const ARCHIVE_MUTANTS = {
  'identity after the copy': [
    {
      file: 'src/archive/sync.ts',
      find: 'const fresh = tasks.filter((task) => task.fresh);',
      replace: 'const fresh: Task[] = [];',
    },
    {
      file: 'src/archive/sync.ts',
      find: 'if (fresh.length > 0 || waiting.length > 0) await syncDirectory(catalog.directory);',
      replace: `const made = tasks.filter((task) => task.fresh);
  await replaceDurably(
    new Map(made.map(({ file, copy }) => [catalog.path(copy.name.name + SOURCE), formatSource(file.source)])),
  );`,
    },
  ],
  'entry after its segment': [
    {
      file: 'src/archive/finish.ts',
      find: 'await replaceDurably(new Map([[`${path}${ENTRY}`, formatEntry(entry, previous)]]));\n  await renameFile(temporary, path);',
      replace:
        'await renameFile(temporary, path);\n  await replaceDurably(new Map([[`${path}${ENTRY}`, formatEntry(entry, previous)]]));',
    },
  ],
  'no entry of before': [
    { file: 'src/archive/finish.ts', find: 'formatEntry(entry, previous)', replace: 'formatEntry(entry)' },
  ],
  'old identity first': [
    {
      file: 'src/archive/names.ts',
      find: 'await renameFile(catalog.path(old), catalog.path(name));',
      replace:
        'await removeFile(catalog.path(`${old}${SOURCE}`));\n  await renameFile(catalog.path(old), catalog.path(name));',
    },
  ],
  'compressed bytes that are not on the disk': [
    {
      file: 'src/archive/pack.ts',
      find: 'await syncFile(target);',
      replace: 'await syncFile(target).catch(() => undefined);',
    },
  ],
  'every third interval': [
    {
      file: 'src/archive/schedule.ts',
      find: 'this.lookedAt + intervalMs',
      replace: 'this.lookedAt + 3 * intervalMs',
    },
  ],
  'late lines forgotten': [
    {
      file: 'src/archive/syncing.ts',
      find: 'if (segment === undefined || file.stat.size <= segment.entry.bytes) continue;',
      replace: 'if (segment === undefined || segment.entry.bytes > 0) continue;',
    },
  ],
  'a copy whose source is gone is replaced': [
    {
      file: 'src/archive/sync.ts',
      find: 'if (copy.name.date !== undefined) continue;',
      replace: `if (copy.name.date !== undefined) continue;
    if (copy.source && !sources.has(keys.get(copy) ?? '')) {
      await process.getBuiltinModule('node:fs').promises.rm(catalog.path(copy.name.name));
      catalog.plain.delete(copy.name.name);
      continue;
    }`,
    },
  ],
  'a short write counts as whole': [
    { file: 'src/archive/io.ts', find: 'done += bytesWritten;', replace: 'done = buffer.length;' },
    { file: 'src/archive/io.ts', find: 'if (bytesWritten === 0) {', replace: 'if (bytesWritten < 0) {' },
    {
      file: 'src/archive/sync.ts',
      find: 'if (fstatSync(fd).size !== copy.size) throw',
      replace: 'if (fstatSync(fd).size > copy.size) throw',
    },
  ],
} as const satisfies Record<string, readonly Patch[]>;
