import { type FaultCase, type Patch, sum } from '../case.js';
import { runProgram } from '../program.js';

/** Small enough that most looks at a file take several chunks. */
const SMALL_CHUNKS: Patch = {
  file: 'src/store/lines.ts',
  find: 'export const CHUNK_BYTES = 262_144;',
  replace: 'export const CHUNK_BYTES = 4096;',
};

/** As if no file had grown for a minute: each look opens it anew, by its name. */
const CLOSED_FILES: Patch = {
  file: 'src/store/followed-files.ts',
  find: 'const KEEP_OPEN_MS = 60_000;',
  replace: 'const KEEP_OPEN_MS = -1;',
};

/**
 * A tailer and a model of it see the same random writes, halves of writes, seals, deletions, pauses and kills: every
 * batch must be the one that the model expects, to the byte.
 */
export const tailModel: FaultCase = {
  name: 'tail-model',
  mutantScale: 0.1,
  mutants: [
    'newline-only reader',
    'half a line is taken',
    'position before delivery',
    'a restart reads live files only',
    'position by name',
  ],
  run: async (context) => {
    const runs = 5000 * context.scale;
    const { seed } = context;
    const [open, closed] = await Promise.all([
      runProgram(context, 'tail-model.ts', { seed, runs, closed: false }, [SMALL_CHUNKS]),
      runProgram(context, 'tail-model.ts', { seed: seed + 1, runs, closed: true }, [
        SMALL_CHUNKS,
        CLOSED_FILES,
      ]),
    ]);
    const note = `${2 * runs} histories, ${open.note}`;
    return { ...sum([open, closed]), note };
  },
};
