import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bundler, PatchError } from './bundle.js';
import type { FaultCase, Outcome } from './case.js';
import { CASES } from './cases/index.js';
import { MUTANTS, type MutantName } from './mutants.js';
import { Processes } from './processes.js';
import { headline, row, type Row, verdict } from './table.js';

/** How often a mutant may be missed before that counts. */
const MUTANT_TRIES = 3;
/** How much of a case shows that a mutant is caught, where the case says nothing else. */
const MUTANT_SCALE = 0.2;
/** Where a case says nothing else. */
const LIMIT_MS = 120_000;

const USAGE = `npm run test:faults -- [--only CASE] [--seed N] [--scale N] [--real] [--json]

Runs every case on the real code, which must pass, and then on each of its mutants, which must fail.

  --only CASE   only this case; may be given several times
  --seed N      repeat the choices of an earlier run
  --scale N     how much of each case, default 1
  --real        without the mutants
  --json        one JSON object a row
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    scale: { type: 'string', default: '1' },
    real: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const root = process.cwd();
const seed = Number(values.seed);
const scale = Number(values.scale);
const inCi = (process.env['CI'] ?? '') !== '';

/** What is cleaned up, should somebody press Ctrl-C. */
const open = new Set<() => Promise<void>>();

async function runCase(faultCase: FaultCase, mutant: MutantName | undefined): Promise<Row> {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cfn-faults-'));
  const processes = new Processes(directory);
  const bundler = new Bundler(
    root,
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
  let outcome: Outcome;
  try {
    const run = faultCase.run({
      directory,
      scale: mutant === undefined ? scale : scale * (faultCase.mutantScale ?? MUTANT_SCALE),
      seed,
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
  return { name: faultCase.name, mutant, ms: performance.now() - startedAt, outcome };
}

/** What happens at random may miss a mistake once; a case that cannot find it misses it each time. */
async function runMutant(faultCase: FaultCase, mutant: MutantName): Promise<Row> {
  for (let tries = 1; ; tries += 1) {
    const result = await runCase(faultCase, mutant);
    if (tries === MUTANT_TRIES || verdict(result, inCi).ok) return result;
  }
}

async function within(ms: number, run: Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  // What the run does after it lost the race is nobody's concern: its processes are killed.
  run.catch(() => undefined);
  return Promise.race([run, late]).finally(() => clearTimeout(timer));
}

function failed(error: unknown): Outcome {
  const broken = error instanceof PatchError || String(error).includes('Build failed');
  const failures = [
    error instanceof Error ? (broken ? error.message : (error.stack ?? error.message)) : String(error),
  ];
  return { records: 0, kills: 0, lost: 0, duplicated: 0, torn: 0, failures, ...(broken && { broken }) };
}

/** Mutants that no case names catch nothing. */
function unusedMutants(): string[] {
  const used = new Set(CASES.flatMap(({ mutants }) => mutants));
  return Object.keys(MUTANTS).filter((name) => !used.has(name as MutantName));
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const unknown = values.only.filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0 || !Number.isFinite(seed) || !(scale > 0)) {
    process.stderr.write(`cfn-metrics: bad --only, --seed or --scale\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const cases = CASES.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  if (!values.json) process.stdout.write(`seed ${seed}\n${headline(cases)}\n`);
  let passed = 0;
  let bad = 0;
  const show = (result: Row): void => {
    const judged = verdict(result, inCi);
    if (judged.ok) passed += 1;
    else bad += 1;
    process.stdout.write(
      values.json ? `${JSON.stringify({ seed, ...result, ...judged })}\n` : row(result, judged),
    );
  };
  for (const faultCase of cases) {
    const real = await runCase(faultCase, undefined);
    show(real);
    if (values.real || real.outcome.skipped !== undefined) continue;
    for (const mutant of faultCase.mutants) show(await runMutant(faultCase, mutant));
  }
  for (const name of values.only.length === 0 ? unusedMutants() : []) {
    process.stdout.write(`FAILED: no case names the mutant "${name}"\n`);
    bad += 1;
  }
  process.stdout.write(`${passed} passed, ${bad} failed\n`);
  if (bad > 0) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all([...open].map((cleanUp) => cleanUp())).then(() => process.kill(process.pid, signal));
  });
}
await main();
