import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArchivedSegment } from '../../archive/options.js';

/** How long a command may take to end after SIGTERM. */
const END_MS = 2000;
const POLL_MS = 20;

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
      // What it says is for the log; stdout belongs to --json. A group of its own ends with all that it started.
      const child = spawn(program, [...args, path], { stdio: ['ignore', 2, 2], detached: true });
      const { pid } = child;
      let ending: Promise<void> | undefined;
      const end = (): void => void (ending ??= pid === undefined ? undefined : endGroup(pid));
      signal.addEventListener('abort', end, { once: true });
      child.once('error', reject);
      child.once('close', (code, killed) => {
        signal.removeEventListener('abort', end);
        const failure = new Error(`${program} ended with ${killed ?? `status ${code}`}`);
        // What was ended is not done, whatever its status is.
        if (ending !== undefined) void ending.then(() => reject(failure));
        else if (code === 0) resolve();
        else reject(failure);
      });
    });
}

/** Ends all processes of a group: first it asks. */
async function endGroup(group: number): Promise<void> {
  const deadline = performance.now() + END_MS;
  for (let there = tell(group, 'SIGTERM'); there && performance.now() < deadline; there = tell(group, 0)) {
    await delay(POLL_MS);
  }
  tell(group, 'SIGKILL');
}

/** Sends a signal to all processes of a group; false where there is none. */
function tell(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}
