import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES } from './cases/index.js';
import { beMember, MEMBER, runAll } from './crew.js';
import { MUTANTS, type MutantName } from './mutants.js';
import type { Job } from './one.js';
import { Report } from './report.js';

const USAGE = `npm run test:faults -- [--only CASE] [--seed N] [--scale N] [--real] [--serial] [--json]

Runs every case on the real code, which must pass, and on each of its mutants, which must fail; as many at once as the
machine has cores for.

  --only CASE   only this case; may be given several times
  --seed N      repeat the choices of an earlier run
  --scale N     how much of each case, default 1
  --real        without the mutants
  --serial      one after another
  --json        one JSON object a row
`;

/** Mutants that no case names catch nothing. */
function unusedMutants(): string[] {
  const used = new Set(CASES.flatMap(({ mutants }) => mutants));
  return Object.keys(MUTANTS).filter((name) => !used.has(name as MutantName));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      scale: { type: 'string', default: '1' },
      real: { type: 'boolean', default: false },
      serial: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const seed = Number(values.seed);
  const scale = Number(values.scale);
  const unknown = values.only.filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0 || !Number.isFinite(seed) || !(scale > 0)) {
    process.stderr.write(`cfn-metrics: bad --only, --seed or --scale\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const everything = values.only.length === 0;
  const jobs = CASES.filter(({ name }) => everything || values.only.includes(name)).flatMap(
    ({ name, mutants }): Job[] =>
      [undefined, ...(values.real ? [] : mutants)].map((mutant) => ({ name, mutant, scale, seed })),
  );
  const report = new Report(jobs, values.json);
  await runAll(fileURLToPath(import.meta.url), jobs, values.serial, report);
  report.end(everything ? unusedMutants() : []);
}

if (process.argv[2] === MEMBER) {
  beMember();
} else {
  // The crew hears the same signals, or that this process is gone, and cleans up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  await main();
}
