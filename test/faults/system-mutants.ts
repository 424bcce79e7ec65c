import type { Patch } from './case.js';

/** Mistakes in how the system is used: files, users, clocks, the end of a process. */
export const SYSTEM_MUTANTS = {
  'seal by renaming': [
    {
      file: 'src/store/seal.ts',
      find: 'linkSync(live, join(this.#directory, name));',
      replace: 'renameSync(live, join(this.#directory, name));',
    },
  ],
  'unfinished seal forgotten': [
    {
      file: 'src/store/seal.ts',
      find: 'if (stat.nlink < 2) return undefined;',
      replace: 'if (stat.nlink < 9) return undefined;',
    },
  ],
  'position written in place': [
    {
      file: 'src/store/position.ts',
      find: 'const temporary = `${path}.tmp`;',
      replace: 'const temporary = path;',
    },
  ],
} as const satisfies Record<string, readonly Patch[]>;
