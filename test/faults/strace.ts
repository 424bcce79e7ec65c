import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Context } from './case.js';
import { exited } from './processes.js';

/** What is done to one system call of a program. */
export interface Injection {
  readonly syscall: string;
  /** The how manieth call of this name, from 1, among those that concern the watched paths. */
  readonly when: number;
  /** `signal=SIGKILL` or `error=ENOSPC`. */
  readonly action: string;
}

/** Why system calls cannot be watched here; undefined where they can. */
export function straceProblem(): string | undefined {
  const { status, error } = spawnSync('strace', ['-o', '/dev/null', 'true']);
  if (error !== undefined) return 'strace is not installed';
  return status === 0 ? undefined : 'ptrace is not allowed';
}

/**
 * Runs a Node program under strace, which watches the calls of its main thread that concern some paths.
 *
 * @remarks
 * Only those are counted, and there is nothing random about them: the same program makes the same calls.
 *
 * @returns The calls in their order, and whether the program was told of an error or killed.
 */
export async function underStrace(
  { spawn }: Pick<Context, 'spawn'>,
  options: {
    readonly program: readonly string[];
    readonly paths: readonly string[];
    readonly log: string;
    readonly injection?: Injection;
  },
): Promise<{ calls: string[]; injected: boolean }> {
  const { program, paths, log, injection } = options;
  const args = ['-o', log, ...paths.flatMap((path) => ['-P', path])];
  if (injection !== undefined) {
    args.push('-e', `inject=${injection.syscall}:${injection.action}:when=${injection.when}`);
  }
  await exited(spawn('strace', [...args, process.execPath, ...program], { stdio: 'ignore' }));
  const lines = readFileSync(log, 'utf8').split('\n');
  const calls = lines.flatMap((line) => /^(\w+)\(/.exec(line)?.[1] ?? []);
  const injected = lines.some((line) => line.includes('(INJECTED)') || line.includes('killed by SIGKILL'));
  return { calls, injected };
}

/** Every one of some calls as an injection: the first of its name, the second, … */
export function everyCall(calls: readonly string[], action: string): Injection[] {
  const seen = new Map<string, number>();
  return calls.map((syscall) => {
    const when = (seen.get(syscall) ?? 0) + 1;
    seen.set(syscall, when);
    return { syscall, when, action };
  });
}
