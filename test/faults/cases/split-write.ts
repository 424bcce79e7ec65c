import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, FaultCase, Outcome } from '../case.js';
import { skipped } from '../case.js';
import { mountProblem, unshare } from '../namespace.js';
import { runProgram } from '../program.js';
import { NO_HEADROOM } from '../settings.js';
import { straceProblem } from '../strace.js';

const ROUNDS = 5;

async function run(context: Context): Promise<Outcome> {
  const folder = (name: string): string => {
    const path = join(context.directory, name);
    mkdirSync(path);
    return path;
  };
  const shards = folder('shards');
  const problem = straceProblem() ?? mountProblem(shards);
  if (problem !== undefined) return skipped(problem);
  const archive = folder('archive');
  const acknowledgements = folder('acknowledgements');
  const options = {
    shards,
    archive,
    acknowledgements,
    rounds: ROUNDS,
    writer: await context.bundle('split-writer.ts', [NO_HEADROOM]),
  };
  await runProgram(context, 'split-write.ts', options, [NO_HEADROOM], unshare());
  const outcome = await runProgram(context, 'audit.ts', {
    stored: [archive],
    acknowledgements,
    kills: 0,
    tears: Number.MAX_SAFE_INTEGER,
    refusals: true,
  });
  // Beginning and end of each; of one whose room came too late the beginning alone.
  if (outcome.torn > ROUNDS) return outcome;
  return { ...outcome, failures: [...outcome.failures, 'no record was split'] };
}

/**
 * A file system is full in the middle of a record, and has room again when libuv writes the rest; in between somebody
 * else appends. What stands there in two pieces was not stored.
 */
export const splitWrite: FaultCase = {
  name: 'split-write',
  mutants: ['a line in two pieces counts'],
  run,
};
