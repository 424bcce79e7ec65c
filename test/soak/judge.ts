// Judges recorded soaks of everything again, several together, with another warm-up or limit, and draws each again beside its
// CSV file.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { usageError } from './arguments.js';
import { growthOf, picture, type Run, warmUp } from './everything/report.js';
import { momentsIn } from './everything/samples.js';

const USAGE = 'npm run soak -- --judge FILE… [--warm-up TIME] [--limit MIB]\n';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    judge: { type: 'string', default: '' },
    'warm-up': { type: 'string' },
    limit: { type: 'string', default: '10' },
  },
});
const { judge: file, limit } = values;
if (!/^\d+$/.test(limit)) usageError(USAGE, `--limit must be a whole number, got ${limit}`);
const runs = [file, ...positionals].map((path): Run => {
  const moments = momentsIn(readFileSync(path, 'utf8'));
  const last = moments.at(-1);
  if (last === undefined) usageError(USAGE, `${path} has no measurements`);
  const durationMs = last.time * 1000;
  const run = { moments, durationMs, warmUpMs: warmUp(USAGE, durationMs, values['warm-up']) };
  writeFileSync(join(dirname(path), 'soak.svg'), picture(run));
  return run;
});
const { lines, failures } = growthOf(runs, Number(limit));
for (const line of [...lines, ...failures.map((failure) => `FAILED: ${failure}`)]) {
  process.stdout.write(`${line}\n`);
}
process.exitCode = failures.length === 0 ? 0 : 1;
