import { readFileSync, statSync } from 'node:fs';
import { type Finding, ok, warning } from './finding.js';
import type { LiveFile } from './live-file.js';

/**
 * Whether Linux refuses bash agents their append: `>>` always asks to create the file, which `fs.protected_regular`
 * forbids in a sticky directory on a file that is neither the user's nor the directory owner's.
 *
 * https://docs.kernel.org/admin-guide/sysctl/fs.html#protected-regular
 */
export function protectedRegularFindings(directory: string, files: readonly LiveFile[]): Finding[] {
  const level = sysctl();
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (level === undefined || stat === undefined || (stat.mode & 0o1000) === 0) return [];
  const applies = (stat.mode & 0o002) !== 0 || (level >= 2 && (stat.mode & 0o020) !== 0);
  const owners = new Set(files.map((file) => file.stat.uid).filter((uid) => uid !== stat.uid));
  const what = `fs.protected_regular is ${level}`;
  if (level === 0 || !applies || owners.size === 0) return [ok('protected files', what)];
  return [
    warning(
      'protected files',
      `${what}, and shards here belong to user ${[...owners].join(', ')}: bash agents of other users, root too, are refused`,
      `run all agents as one user, or as root: rm the shards, then cfn-metrics init --group GROUP`,
    ),
  ];
}

function sysctl(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/fs/protected_regular', 'utf8'));
  } catch {
    return undefined;
  }
}
