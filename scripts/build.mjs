#!/usr/bin/env node
// Builds into a folder beside dist/ and swaps it in at the end: dist/ is whole at every moment,
// whoever runs from it meanwhile, and stays as it was when the build fails.
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, writeStamp } from './ready.mjs';

const startedMs = Date.now();
const fresh = `dist-${process.pid}`;
const old = `dist-${process.pid}-old`;

const tsup = join(root, 'node_modules/tsup/dist/cli-default.js');
const { status } = spawnSync(process.execPath, [tsup, '--out-dir', fresh, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
if (status === 0) {
  if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), join(root, old));
  renameSync(join(root, fresh), join(root, 'dist'));
  writeStamp('build/.dist-built', startedMs);
}
for (const leftover of [fresh, old]) rmSync(join(root, leftover), { recursive: true, force: true });
process.exitCode = status ?? 1;
