import { type Context, type FaultCase, type Outcome, skipped } from '../case.js';
import { NO_HEADROOM } from '../settings.js';
import { onSmallDisk } from '../small-disk.js';
import { straceProblem } from '../strace.js';

const ROUNDS = 5;

async function run(context: Context): Promise<Outcome> {
  const problem = straceProblem();
  if (problem !== undefined) return skipped(problem);
  const options = { rounds: ROUNDS, writer: await context.bundle('split-writer.ts', [NO_HEADROOM]) };
  const outcome = await onSmallDisk(context, 'split-write.ts', options, [NO_HEADROOM]);
  // Beginning and end of each; of one whose room came too late the beginning alone.
  if (outcome.skipped !== undefined || outcome.torn > ROUNDS) return outcome;
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
