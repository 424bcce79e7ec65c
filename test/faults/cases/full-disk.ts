import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, type FaultCase, type Outcome, skipped } from '../case.js';
import { mountProblem, unshare } from '../namespace.js';
import { runProgram } from '../program.js';
import { hasLock, NO_HEADROOM, SHORT_RECHECK } from '../settings.js';

async function run(context: Context): Promise<Outcome> {
  const folder = (name: string): string => {
    const path = join(context.directory, name);
    mkdirSync(path);
    return path;
  };
  const shards = folder('shards');
  const problem = hasLock() ? mountProblem(shards) : 'fs-ext is not built for this Node';
  if (problem !== undefined) return skipped(problem);
  const archive = folder('archive');
  const acknowledgements = folder('acknowledgements');
  await runProgram(
    context,
    'full-disk.ts',
    {
      shards,
      archive,
      acknowledgements,
      // Half of them run into the end of the file system, half of them stop before.
      writers: [
        await context.bundle('writer.ts', [SHORT_RECHECK]),
        await context.bundle('writer.ts', [SHORT_RECHECK, NO_HEADROOM]),
      ],
      sealer: await context.bundle('sealer.ts'),
      records: 8000 * context.scale,
      seed: context.seed,
    },
    [],
    unshare(),
  );
  return runProgram(context, 'audit.ts', {
    stored: [archive],
    acknowledgements,
    kills: 0,
    // As many as short writes, each of which was refused.
    tears: Number.MAX_SAFE_INTEGER,
    refusals: true,
  });
}

/** A file system of 1 MiB that is filled while it is freed: whatever was acknowledged is there, the rest is counted. */
export const fullDisk: FaultCase = {
  name: 'full-disk',
  mutants: ['unchecked short write', 'uncounted refusal'],
  mutantScale: 0.4,
  run,
};
