import type { Context, Outcome, Patch } from './case.js';
import { exited } from './processes.js';

/**
 * Runs a program that prints its outcome as JSON, and waits for it.
 *
 * @param within - A command that runs it, such as unshare, and its arguments.
 * @throws Error with what it said, where it ended badly.
 */
export async function runProgram(
  context: Context,
  entry: string,
  options: object,
  settings: readonly Patch[] = [],
  within: readonly string[] = [],
): Promise<Outcome> {
  const path = await context.bundle(entry, settings);
  const [command, ...args] = [...within, process.execPath, path, JSON.stringify(options)] as const;
  const child = context.spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  await exited(child);
  if (child.exitCode === 0) return JSON.parse(Buffer.concat(output).toString()) as Outcome;
  throw new Error(
    `${entry} ended with ${child.exitCode ?? child.signalCode}: ${Buffer.concat(errors).toString().trim()}`,
  );
}
