import { type Context, type FaultCase, type Outcome, skipped } from '../case.js';
import { runProgram } from '../program.js';
import { hasLock, NO_LOCK, RECHECK_MS, SHORT_RECHECK, SHORT_SAVE } from '../settings.js';
import { Turmoil } from '../turmoil.js';

async function run(context: Context): Promise<Outcome> {
  if (!hasLock()) return skipped('fs-ext is not built for this Node');
  const turmoil = new Turmoil(context, {
    flock: await context.bundle('writer.ts', [SHORT_RECHECK]),
    none: await context.bundle('writer.ts', [SHORT_RECHECK, NO_LOCK]),
    sealer: await context.bundle('sealer.ts'),
    tailer: await context.bundle('tailer.ts', [SHORT_SAVE]),
  });
  const { scale } = context;
  let failed = false;
  const done = (): boolean =>
    failed ||
    (turmoil.writerKills >= 1000 * scale &&
      turmoil.sealerKills >= 200 * scale &&
      turmoil.seals >= 200 * scale &&
      turmoil.stops >= 20 * scale &&
      turmoil.tailerKills >= 20 * scale);
  const trouble = [
    turmoil.killWriters(1000 * scale, done),
    turmoil.stopWriters(done),
    turmoil.killSealers(done),
    turmoil.killTailers(done),
  ];
  // One that fails ends the others.
  for (const each of trouble) each.catch(() => (failed = true));
  await Promise.all(trouble);
  await turmoil.settle();
  const { writerKills, sealerKills, tailerKills, stops, seals, folders } = turmoil;
  const outcome = await runProgram(context, 'audit.ts', {
    stored: [folders.archive, folders.shards],
    acknowledgements: folders.acknowledgements,
    tails: folders.tails,
    kills: writerKills,
    locked: 'flock-',
    recheckMs: RECHECK_MS,
  });
  const note = `writers ${writerKills}, sealers ${sealerKills}, tailers ${tailerKills}; ${stops} stops, ${seals} seals`;
  return { ...outcome, kills: writerKills + sealerKills + tailerKills, note };
}

/**
 * Writers of all kinds, sealers and a tailer, killed and stopped at random: what was acknowledged is stored exactly
 * once, what was not at most once, a kill tears one record at most, and the tailer sees everything.
 */
export const writersAndSealers: FaultCase = {
  name: 'writers-and-sealers',
  mutantScale: 0.06,
  mutants: ['copytruncate', 'seal before swap', 'no look at the inode'],
  // Half a minute on two idle cores; a busy machine is no failure.
  limitMs: 480_000,
  run,
};
