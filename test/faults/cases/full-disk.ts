import { type Context, type FaultCase, type Outcome, skipped } from '../case.js';
import { hasLock, NO_HEADROOM, SHORT_RECHECK } from '../settings.js';
import { onSmallDisk } from '../small-disk.js';

async function run(context: Context): Promise<Outcome> {
  if (!hasLock()) return skipped('fs-ext is not built for this Node');
  return onSmallDisk(context, 'full-disk.ts', {
    // Half of them run into the end of the file system, half of them stop before.
    writers: [
      await context.bundle('writer.ts', [SHORT_RECHECK]),
      await context.bundle('writer.ts', [SHORT_RECHECK, NO_HEADROOM]),
    ],
    sealer: await context.bundle('sealer.ts'),
    records: 8000 * context.scale,
    seed: context.seed,
  });
}

/** A file system of 1 MiB that is filled while it is freed: whatever was acknowledged is there, the rest is counted. */
export const fullDisk: FaultCase = {
  name: 'full-disk',
  mutants: ['unchecked short write', 'uncounted refusal'],
  mutantScale: 0.4,
  run,
};
