import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, type Outcome, type Patch, skipped } from './case.js';
import { runProgram } from './program.js';

const MOUNT = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'cfn-faults'] as const;
/** A namespace of its own, so that the file system is gone with the processes; who is not root becomes it therein. */
const UNSHARE = process.geteuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-rm'];

/** Mounts a file system of 1 MiB on a directory; fails outside of such a namespace. */
export function mountSmallDisk(directory: string, within: readonly string[] = []): void {
  const [command, ...args] = [...within, ...MOUNT, directory];
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`no tmpfs can be mounted (${error?.message ?? stderr.trim()})`);
}

/**
 * Runs a program that mounts a file system of 1 MiB on its directory `shards`, and compares what it leaves in `archive`
 * with what it writes to `acknowledgements`. What was refused must have been counted; anything may be torn.
 *
 * @param options - What the program is told beside these three.
 */
export async function onSmallDisk(
  context: Context,
  entry: string,
  options: object,
  settings: readonly Patch[] = [],
): Promise<Outcome> {
  const [shards, archive, acknowledgements] = ['shards', 'archive', 'acknowledgements'].map((name) => {
    const path = join(context.directory, name);
    mkdirSync(path);
    return path;
  });
  try {
    mountSmallDisk(shards!, UNSHARE);
  } catch (error) {
    return skipped((error as Error).message);
  }
  await runProgram(context, entry, { ...options, shards, archive, acknowledgements }, settings, UNSHARE);
  return runProgram(context, 'audit.ts', {
    stored: [archive],
    acknowledgements,
    kills: 0,
    tears: Number.MAX_SAFE_INTEGER,
    refusals: true,
  });
}
