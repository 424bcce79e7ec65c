#!/usr/bin/env node
// The fault suite: real processes, killed, stopped and starved; and the mistakes it must catch.
import { join } from 'node:path';
import { handOver, ready, root } from './ready.mjs';

await ready();
// loaded only now: a fresh clone has no node_modules before
const { build } = await import('esbuild');
const { workerScript } = await import('./worker-script.mjs');
const outfile = join(root, 'build/faults/run.mjs');
await build({
  absWorkingDir: root,
  entryPoints: ['test/faults/run.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  plugins: [workerScript()],
});
handOver('build/faults/run.mjs', process.argv.slice(2));
