#!/usr/bin/env node
// Bundles a soak, and runs it: with --agents the one of everything, whose arguments are in everything.ts, otherwise the one
// of writers and sealer, whose arguments are in soak.ts. With --judge a recorded run of everything is judged again.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { handOver, ready, root } from '../../scripts/ready.mjs';

await ready();
// loaded only now: a fresh clone has no node_modules before
const { build } = await import('esbuild');
await build({
  absWorkingDir: root,
  entryPoints: ['soak', 'agents', 'sealer', 'tailer', 'everything', 'everything/agents', 'judge'].map(
    (name) => `test/soak/${name}.ts`,
  ),
  // within the repository, so that fs-ext is found
  outdir: join(root, 'build/soak'),
  outbase: join(root, 'test/soak'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
const args = process.argv.slice(2);
const has = (option) => args.some((arg) => arg === option || arg.startsWith(`${option}=`));
const everything = has('--agents');
if (everything) {
  // A copy, which stays as it is whoever builds meanwhile.
  rmSync(join(root, 'build/soak/dist'), { recursive: true, force: true });
  cpSync(join(root, 'dist/cli'), join(root, 'build/soak/dist/cli'), { recursive: true });
}
handOver(`build/soak/${has('--judge') ? 'judge' : everything ? 'everything' : 'soak'}.js`, args);
