import type { Patch } from './case.js';
import { SYSTEM_MUTANTS } from './system-mutants.js';

/** The mistakes that the suite must catch, each as what it changes in the source. */
export const MUTANTS = {
  'newline-only reader': [
    {
      file: 'src/store/lines.ts',
      find: 'this.#parser.parse(text, start, end) ?? this.#salvage(text.slice(start, end))',
      replace: 'this.#parser.parse(text, start, end)',
    },
  ],
  'a record without its newline counts': [
    {
      file: 'src/store/lines.ts',
      find: 'const record = this.#parser.parse(text, start, end)',
      replace: `for (const piece of text.slice(start, end).split(START_TEXT).slice(1, -1)) {
          const torn = this.#parser.parse(START_TEXT + piece, 0, START_TEXT.length + piece.length);
          if (torn !== undefined) records.push(torn);
        }
        const record = this.#parser.parse(text, start, end)`,
    },
  ],
  ...SYSTEM_MUTANTS,
  'half a line is taken': [
    {
      file: 'src/store/lines.ts',
      find: 'return end;\n  }\n\n  #decodeLine',
      replace: 'return bytes.length;\n  }\n\n  #decodeLine',
    },
  ],
  'position before delivery': [
    {
      file: 'src/store/tail.ts',
      find: 'if (wanted.length > 0) yield',
      replace: 'file.confirm();\n        if (wanted.length > 0) yield',
    },
  ],
  'a restart reads live files only': [
    {
      file: 'src/store/tail.ts',
      find: 'return listSegments(this.#directory.path);',
      replace: 'return listSegments(this.#directory.path).filter(({ date }) => date === undefined);',
    },
  ],
  'position by name': [
    {
      file: 'src/store/tail.ts',
      find: 'const offset = offsets.get(key) ?? 0;',
      replace: 'const offset = saved.files[name.shard]?.offset ?? 0;',
    },
    {
      file: 'src/store/tail.ts',
      find: 'this.#list(({ fd, stat: { size } }, key)',
      replace: 'this.#list(({ fd, stat: { size }, ...name })',
    },
  ],
} as const satisfies Record<string, readonly Patch[]>;

/** Name of one of {@link MUTANTS}. */
export type MutantName = keyof typeof MUTANTS;
