import { spawnSync } from 'node:child_process';

/** A namespace of its own, so that the file system is gone with the processes; who is not root becomes it therein. */
export function unshare(): readonly string[] {
  return process.geteuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-rm'];
}

/** Why no file system can be mounted on a directory in such a namespace; undefined where it can. */
export function mountProblem(directory: string): string | undefined {
  const [command = '', ...args] = unshare();
  const mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'cfn-faults', directory];
  const { status, stderr, error } = spawnSync(command, [...args, ...mount], { encoding: 'utf8' });
  return status === 0 ? undefined : `no tmpfs can be mounted (${error?.message ?? stderr.trim()})`;
}
