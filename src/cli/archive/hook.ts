import { spawn } from 'node:child_process';
import type { ArchivedSegment } from '../../archive/options.js';

/**
 * Makes a hook of a command: the path of the segment is its last argument, and only status 0 lets the segment go.
 *
 * @param command - The program and its first arguments; there is no shell.
 */
export function commandHook(
  command: readonly string[],
): (segment: ArchivedSegment, signal: AbortSignal) => Promise<void> {
  const [program = '', ...args] = command;
  return ({ path }, signal) =>
    new Promise((resolve, reject) => {
      // What it says is for the log; stdout belongs to --json.
      const child = spawn(program, [...args, path], { stdio: ['ignore', 2, 2], signal });
      child.once('error', reject);
      child.once('close', (code, killed) => {
        if (code === 0) resolve();
        else reject(new Error(`${program} ended with ${killed ?? `status ${code}`}`));
      });
    });
}
