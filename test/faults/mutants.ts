import type { Patch } from './case.js';

/** The mistakes that the suite must catch, each as what it changes in the source. */
export const MUTANTS = {
  'newline-only reader': [
    {
      file: 'src/store/lines.ts',
      find: 'this.#parser.parse(text, start, end) ?? this.#salvage(text.slice(start, end))',
      replace: 'this.#parser.parse(text, start, end)',
    },
  ],
} as const satisfies Record<string, readonly Patch[]>;

/** Name of one of {@link MUTANTS}. */
export type MutantName = keyof typeof MUTANTS;
