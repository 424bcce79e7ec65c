import { bursts } from './bursts.js';
import { fullDisk } from './full-disk.js';
import { splitWrite } from './split-write.js';
import { writersAndSealers } from './writers-and-sealers.js';
import type { FaultCase } from '../case.js';
import { tailModel } from './tail-model.js';
import { tears } from './tears.js';
import { syscalls } from './syscalls.js';
import { exits } from './exits.js';
import { identities } from './identities.js';
import { archiveBoots, archiveFull, archiveKills } from './archive-kills.js';
import { archiveRecovery } from './archive-recovery.js';
import { archiveSyscalls } from './archive-syscalls.js';
import { archiveThread } from './archive-thread.js';
import { clock } from './clock.js';
import { users } from './users.js';
import { hostileBash } from './hostile-bash.js';

/** All cases, in the order in which they run. */
export const CASES: readonly FaultCase[] = [
  hostileBash,
  users,
  writersAndSealers,
  fullDisk,
  splitWrite,
  bursts,
  clock,
  identities,
  exits,
  tears,
  tailModel,
  syscalls,
  archiveSyscalls,
  archiveThread,
  archiveKills,
  archiveBoots,
  archiveRecovery,
  archiveFull,
];
