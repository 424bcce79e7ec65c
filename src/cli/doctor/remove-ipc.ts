import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Finding, ok, warning } from './finding.js';

/** Where logind's configuration is, the weakest first; drop-ins count in the order of their names. */
const DIRECTORIES = ['/usr/lib/systemd', '/usr/local/lib/systemd', '/run/systemd', '/etc/systemd'];

/** The first user id of people; what is below belongs to the system, and logind leaves it alone. */
const FIRST_REGULAR_UID = 1000;

/**
 * Whether logind removes the shards when a user logs out for the last time.
 *
 * @param directory - Where the shards are; only `/dev/shm` is cleaned.
 * @param owners - User ids that shards belong to, or would.
 * @param removes - Whether logind does that on this host; undefined where there is no systemd.
 */
export function removeIpcFindings(
  directory: string,
  owners: readonly number[],
  removes: boolean | undefined,
): Finding[] {
  if (removes === undefined || !/^\/dev\/shm(\/|$)/.test(directory)) return [];
  const regular = [...new Set(owners)].filter((uid) => uid >= FIRST_REGULAR_UID);
  if (!removes) return [ok('logout', 'logind keeps files in /dev/shm (RemoveIPC=no)')];
  if (regular.length === 0) return [ok('logout', 'shards belong to a system user, and logind keeps them')];
  return [
    warning(
      'logout',
      `logind deletes what user ${regular.join(', ')} has in /dev/shm when that user's last session ends (RemoveIPC)`,
      'RemoveIPC=no in /etc/systemd/logind.conf, or run agents as a system user, or set CFN_METRICS_DIR elsewhere',
    ),
  ];
}

/** Asks this host; undefined where systemd does not run it. */
export function removesIpc(): boolean | undefined {
  if (!existsSync('/run/systemd/system')) return undefined;
  return removeIpcSetting(configuration());
}

/** What the last of these files that says anything says; logind's own default is yes. */
export function removeIpcSetting(files: readonly string[]): boolean {
  let removes = true;
  for (const line of files.flatMap((file) => file.split('\n'))) {
    const [, value] = /^\s*RemoveIPC\s*=\s*(\S+)/.exec(line) ?? [];
    if (value !== undefined) removes = /^(1|y|yes|t|true|on)$/i.test(value);
  }
  return removes;
}

function configuration(): string[] {
  const main = DIRECTORIES.map((directory) => read(join(directory, 'logind.conf'))).findLast(
    (text) => text !== '',
  );
  const dropIns = new Map<string, string>();
  // A drop-in of a stronger directory replaces the one of the same name.
  for (const directory of DIRECTORIES) {
    for (const path of list(join(directory, 'logind.conf.d'))) dropIns.set(basename(path), path);
  }
  const names = [...dropIns.keys()].sort();
  return [main ?? '', ...names.map((name) => read(dropIns.get(name)!))];
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
