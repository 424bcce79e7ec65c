import { readFileSync, realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseName } from '../../store/shard.js';
import { type Finding, problem } from './finding.js';

/**
 * Finds shards that were mounted into a container one by one: such a mount keeps its file when the shard is sealed,
 * and what is written through it goes where nobody looks any more.
 *
 * @param directory - Where the shards are.
 * @param mountinfo - Text of `/proc/self/mountinfo`.
 */
export function mountFindings(directory: string, mountinfo = readMountinfo()): Finding[] {
  const mounted = mountPoints(mountinfo).filter(
    (path) => dirname(path) === real(directory) && parseName(basename(path)) !== undefined,
  );
  if (mounted.length === 0) return [];
  return [
    problem(
      'mounted file',
      `${mounted[0]!} is a mount of its own: after the shard was sealed, its records are lost`,
      `mount the directory ${directory} instead of the file`,
    ),
  ];
}

/** The fifth field, in which blanks are written as octal numbers; see proc_pid_mountinfo(5). */
function mountPoints(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const point = line.split(' ')[4];
    if (point === undefined) return [];
    return [
      point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    ];
  });
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function readMountinfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}
