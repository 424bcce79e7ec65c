#!/usr/bin/env node
// Everything that can be known without running the tests: one line a step, the output of those that fail.
import { spawnSync } from 'node:child_process';

// the build comes first: examples are checked, and linted, against the built package
const steps = [
  'build',
  'check:types',
  'check:lint',
  'check:format',
  'check:unused',
  'check:examples',
  'check:api',
  'check:package',
];

let failed = 0;
for (const step of steps) {
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', step], { encoding: 'utf8' });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${step} (${seconds} s)\n`);
  if (status === 0) continue;
  failed += 1;
  process.stdout.write(`${stdout}${stderr}\n`);
}
process.stdout.write(`check: ${steps.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
