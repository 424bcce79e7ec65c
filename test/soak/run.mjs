#!/usr/bin/env node
// Bundles the soak, and runs it. Its arguments are in soak.ts.
import { join } from 'node:path';
import { handOver, ready, root } from '../../scripts/ready.mjs';

await ready();
// loaded only now: a fresh clone has no node_modules before
const { build } = await import('esbuild');
await build({
  absWorkingDir: root,
  entryPoints: ['soak', 'agents', 'sealer', 'tailer'].map((name) => `test/soak/${name}.ts`),
  // within the repository, so that fs-ext is found
  outdir: join(root, 'build/soak'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
handOver('build/soak/soak.js', process.argv.slice(2));
