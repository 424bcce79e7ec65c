import { availableParallelism } from 'node:os';

/** What a case needs of the machine. */
export interface Cost {
  /** How long it takes on two idle cores. The longest begin first. */
  readonly seconds: number;
  /** How many cores it keeps busy: what waits most of the time runs beside what computes. */
  readonly cores: number;
  /** Something that only one run at a time can have, such as a setting of the kernel. */
  readonly holds?: string;
}

/** As measured; a wrong number costs time and nothing else. */
const COSTS: Readonly<Record<string, Cost>> = {
  'hostile-bash': { seconds: 20, cores: 1 },
  users: { seconds: 7, cores: 0.8, holds: 'fs.protected_*' },
  'writers-and-sealers': { seconds: 55, cores: 2 },
  'full-disk': { seconds: 5, cores: 2 },
  bursts: { seconds: 16, cores: 2 },
  'clock-steps': { seconds: 20, cores: 0.2 },
  identities: { seconds: 2, cores: 2 },
  endings: { seconds: 6, cores: 1.5 },
  tears: { seconds: 10, cores: 2 },
  'tail-model': { seconds: 8, cores: 2 },
  'system-calls': { seconds: 13, cores: 1.5 },
  'an archiver stopped at every system call': { seconds: 75, cores: 1.5 },
  "the archiver's thread stopped at every system call": { seconds: 13, cores: 1.5 },
  'an archiver killed under load': { seconds: 22, cores: 1 },
  'an archive over boots': { seconds: 6, cores: 0.8 },
  'the recovery point of an archive': { seconds: 14, cores: 0.4 },
  'an archive on a full disk': { seconds: 9, cores: 0.5 },
};

/** Cost of a case; that of one that nobody measured is a guess. */
export function costOf(name: string): Cost {
  return COSTS[name] ?? { seconds: 10, cores: 1 };
}

/** Cores that may be kept busy at once: what needs a core needs it not always. */
export function capacity(): number {
  return Math.max(2, availableParallelism()) + 0.5;
}
