import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';

/** A group of users. */
export interface UserGroup {
  /** Its name; the number as text where it has none. */
  readonly name: string;
  readonly gid: number;
}

/**
 * Finds a group by name or number.
 *
 * @remarks
 * Asks `getent`, which also knows what LDAP and the like say; where there is none, `/etc/group`.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where there is no such group. A number needs no name.
 */
export function findGroup(text: string): UserGroup {
  // getent would take a leading dash for an option
  const line = text.startsWith('-') ? undefined : (fromGetent(text) ?? fromFile(text));
  const [name, , gid] = line?.split(':') ?? [];
  if (name !== undefined && gid !== undefined && /^\d+$/.test(gid)) return { name, gid: Number(gid) };
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1) return { name: text, gid: Number(text) };
  throw new MetricsError(
    'ERR_METRICS_OPTION',
    `--group ${shown(text)} is no group of this host; create it with: groupadd --system NAME`,
  );
}

function fromGetent(text: string): string | undefined {
  const { status, stdout } = spawnSync('getent', ['group', text], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

function fromFile(text: string): string | undefined {
  let groups: string;
  try {
    groups = readFileSync('/etc/group', 'utf8');
  } catch {
    return undefined;
  }
  return groups.split('\n').find((line) => {
    const [name, , gid] = line.split(':');
    return name === text || gid === text;
  });
}
