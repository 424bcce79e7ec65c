import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundler, PatchError } from './bundle.js';
import type { FaultCase, Outcome } from './case.js';
import { CASES } from './cases/index.js';
import { MUTANTS, type MutantName } from './mutants.js';
import { Processes } from './processes.js';
import { type Row, verdict } from './table.js';

/** One case, on the real code or on a mutant. */
export interface Job {
  readonly name: string;
  readonly mutant: MutantName | undefined;
  readonly scale: number;
  readonly seed: number;
}

/**
 * How much of a case a mutant gets, by how often it was missed: what happens at random may miss a mistake in a short
 * run, and a case that misses it in a whole one cannot find it.
 */
const MUTANT_TRIES = [1, 2, 5];
/** How much of a case shows that a mutant is caught, where the case says nothing else. */
const MUTANT_SCALE = 0.2;
/** Where a case says nothing else. */
const LIMIT_MS = 240_000;

/** A case that does not come to its end in time. */
class LateError extends Error {}

/** What is cleaned up, should somebody press Ctrl-C. */
const open = new Set<() => Promise<void>>();

/** Kills what is running, and removes what it left. */
export async function giveUp(): Promise<void> {
  await Promise.all([...open].map((cleanUp) => cleanUp()));
}

/** Runs a case; a mutant that is missed gets more of it. */
export async function runJob(job: Job): Promise<Row> {
  const faultCase = CASES.find(({ name }) => name === job.name);
  if (faultCase === undefined) throw new Error(`there is no case ${job.name}`);
  if (job.mutant === undefined) return runCase(faultCase, job, 1);
  const part = job.scale * (faultCase.mutantScale ?? MUTANT_SCALE);
  for (let tries = 1; ; tries += 1) {
    const result = await runCase(
      faultCase,
      { ...job, scale: Math.min(1, part * MUTANT_TRIES[tries - 1]!) },
      tries,
    );
    if (tries === MUTANT_TRIES.length || result.outcome.broken === true || verdict(result, false).ok)
      return result;
  }
}

async function runCase(faultCase: FaultCase, { mutant, scale, seed }: Job, tries: number): Promise<Row> {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cfn-faults-'));
  const processes = new Processes(directory);
  const bundler = new Bundler(
    process.cwd(),
    `${faultCase.name} ${mutant ?? ''}`,
    mutant === undefined ? [] : MUTANTS[mutant],
  );
  const cleanUp = async (): Promise<void> => {
    open.delete(cleanUp);
    await processes.end();
    rmSync(directory, { recursive: true, force: true });
  };
  open.add(cleanUp);
  const startedAt = performance.now();
  const before = cpuSeconds();
  let outcome: Row['outcome'];
  try {
    const run = faultCase.run({
      ...{ directory, scale, seed, oneIsEnough: mutant !== undefined },
      bundle: (entry, settings) => bundler.bundle(entry, settings),
      spawn: processes.spawn,
    });
    outcome = await within(faultCase.limitMs ?? LIMIT_MS, run);
    bundler.requireApplied();
  } catch (error) {
    outcome = failed(error);
  }
  await processes.end();
  const left = processes.leftovers();
  if (left > 0) outcome = { ...outcome, failures: [...outcome.failures, `${left} processes were left`] };
  await cleanUp();
  const ms = performance.now() - startedAt;
  return { name: faultCase.name, mutant, tries, ms, cpu: cpuSeconds() - before, outcome };
}

async function within(ms: number, run: Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LateError(`not done after ${ms / 1000} s`)), ms);
  });
  // What the run does after it lost the race is nobody's concern: its processes are killed.
  run.catch(() => undefined);
  return Promise.race([run, late]).finally(() => clearTimeout(timer));
}

/** A case that comes to no result. Of a mutant that proves nothing: only what is found catches it. */
function failed(error: unknown): Row['outcome'] {
  const ours = error instanceof PatchError || error instanceof LateError;
  const text = error instanceof Error && !ours ? (error.stack ?? error.message) : String(error);
  return { records: 0, kills: 0, lost: 0, duplicated: 0, torn: 0, failures: [text], broken: true };
}

/** CPU time of this process and of all that it started and that have ended; NaN where the system does not tell. */
function cpuSeconds(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ').map(Number);
    // In hundredths of a second: utime, stime, cutime, cstime.
    return fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) / 100;
  } catch {
    return NaN;
  }
}
