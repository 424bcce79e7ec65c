// Judges a recorded soak of everything again, with another warm-up or limit, and draws it again beside its CSV file.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { usageError } from './arguments.js';
import { growthOf, picture, warmUp } from './everything/report.js';
import { momentsIn } from './everything/samples.js';

const USAGE = 'npm run soak -- --judge FILE [--warm-up TIME] [--limit MIB]\n';

const { values } = parseArgs({
  options: {
    judge: { type: 'string', default: '' },
    'warm-up': { type: 'string' },
    limit: { type: 'string', default: '10' },
  },
});
const { judge: file, limit } = values;
if (!/^\d+$/.test(limit)) usageError(USAGE, `--limit must be a whole number, got ${limit}`);
const moments = momentsIn(readFileSync(file, 'utf8'));
const last = moments.at(-1);
if (last === undefined) usageError(USAGE, `${file} has no measurements`);
const durationMs = last.time * 1000;
const warmUpMs = warmUp(USAGE, durationMs, values['warm-up']);
const { lines, failures } = growthOf(moments, { durationMs, warmUpMs, limitMiB: Number(limit) });
writeFileSync(join(dirname(file), 'soak.svg'), picture(moments, durationMs, warmUpMs));
for (const line of [...lines, ...failures.map((failure) => `FAILED: ${failure}`)]) {
  process.stdout.write(`${line}\n`);
}
process.exitCode = failures.length === 0 ? 0 : 1;
