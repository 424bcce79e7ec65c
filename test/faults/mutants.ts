import { ARCHIVE_MUTANTS } from './archive-mutants.js';
import type { Patch } from './case.js';
import { SYSTEM_MUTANTS } from './system-mutants.js';

/** The mistakes that the suite must catch, each as what it changes in the source. */
export const MUTANTS = {
  'newline-only reader': [
    {
      file: 'src/store/lines.ts',
      find: 'torn ? this.#salvage(parsed) : parsed',
      replace: 'torn ? undefined : parsed',
    },
  ],
  'a record without its newline counts': [
    {
      file: 'src/store/lines.ts',
      find: "const torn = typeof parsed === 'string';",
      replace: `const torn = typeof parsed === 'string';
        for (const piece of torn ? parsed.split(START_TEXT).slice(1, -1) : []) {
          const early = parseRecord(START_TEXT + piece);
          if (early !== undefined) sink.add(early);
        }`,
    },
  ],
  ...SYSTEM_MUTANTS,
  ...ARCHIVE_MUTANTS,
  'half a line is taken': [
    {
      file: 'src/store/lines.ts',
      find: 'return end;\n  }\n\n  #salvage',
      replace: 'return bytes.length;\n  }\n\n  #salvage',
    },
  ],
  'position before delivery': [
    {
      file: 'src/store/tail.ts',
      find: 'if (newer.length > 0) yield',
      replace: 'file.confirm();\n        if (newer.length > 0) yield',
    },
  ],
  'a restart reads live files only': [
    {
      file: 'src/store/followed-files.ts',
      find: 'return listSegments(this.#directory);',
      replace: 'return listSegments(this.#directory).filter(({ date }) => date === undefined);',
    },
  ],
  'position by name': [
    {
      file: 'src/store/followed-files.ts',
      find: 'const saved = this.#saved?.get(key);',
      replace:
        'const saved = [...(this.#saved?.values() ?? [])].map((file) => ({ ...file, head: undefined }))[segment.shard];',
    },
  ],
  copytruncate: [
    {
      file: 'src/store/seal.ts',
      find: 'linkSync(live, join(this.#directory, name));',
      replace: `process.getBuiltinModule('node:fs').copyFileSync(live, join(this.#directory, name), 1);`,
    },
    {
      file: 'src/store/seal.ts',
      find: 'this.#replace(live, stat);',
      replace: `process.getBuiltinModule('node:fs').truncateSync(live);`,
    },
  ],
  'seal before swap': [
    {
      file: 'src/store/seal.ts',
      find: 'const swapped = this.swap(shard);',
      replace: `const held = openSync(join(this.#directory, liveName(shard)), constants.O_RDONLY);
        for (let tries = 40; tries > 0 && !this.#lock.tryExclusive(held); tries -= 1) await delay(1);
        const swapped = this.swap(shard);
        closeSync(held);`,
    },
    {
      file: 'src/store/seal.ts',
      find: 'for (let tries = this.#holdMs / TRY_MS; tries > 0; tries -= 1)',
      replace: 'for (let tries = 0; tries > 0; tries -= 1)',
    },
    {
      file: 'src/store/segment-growth.ts',
      find: 'if (seen?.size !== size || seen.ino !== ino) {',
      replace: 'if (size > 0) return true;\n    if (seen?.size !== size || seen.ino !== ino) {',
    },
    {
      file: 'test/faults/programs/sealer.ts',
      find: 'const { directory, archive, positionFile, lingerMs, pauseMs, drain } = settings;',
      replace:
        'const { directory, archive, pauseMs, drain } = settings;\nconst lingerMs = 0;\nconst positionFile = undefined as string | undefined;',
    },
  ],
  'no look at the inode': [
    {
      file: 'src/store/appender.ts',
      find: 'if (stat?.ino === file.ino && stat.dev === file.dev) {',
      replace: 'if (stat !== undefined) {',
    },
  ],
  'exclusive lock with drop': [
    {
      file: 'src/store/lock.ts',
      find: 'attempt(fd, LOCK_SH | LOCK_NB)',
      replace: 'attempt(fd, LOCK_EX | LOCK_NB)',
    },
    {
      file: 'src/store/appender.ts',
      find: 'if (locked === undefined) this.#unlocked += 1;',
      replace: 'if (locked === undefined) return Buffer.byteLength(lines);',
    },
  ],
  'unchecked short write': [
    {
      file: 'src/store/appender.ts',
      find: 'if (stored < bytes) return this.#full(stored);',
      replace: 'if (stored < bytes) return bytes;',
    },
  ],
  'a line in two pieces counts': [
    {
      file: 'src/store/appender.ts',
      find: 'if (!inOnePiece(fd, from, line)) return done;',
      replace: 'inOnePiece(fd, from, line);',
    },
  ],
  'uncounted refusal': [
    {
      file: 'src/store/emitter.ts',
      find: "this.#drops.count(this.#appender.refusal ?? 'io');",
      replace: "if (this.#stored % 2 === 0) this.#drops.count(this.#appender.refusal ?? 'io');",
    },
  ],
} as const satisfies Record<string, readonly Patch[]>;

/** Name of one of {@link MUTANTS}. */
export type MutantName = keyof typeof MUTANTS;
