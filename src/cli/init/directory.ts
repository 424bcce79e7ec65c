import { chmodSync, chownSync, mkdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { MetricsError } from '../../errors.js';
import { type ShardDirectory, userId } from '../../store/directory.js';
import type { UserGroup } from './group.js';

/** What became of the directory. */
export interface DirectoryOutcome {
  readonly created: boolean;
  /** What the user should look at, though it is no reason to stop. */
  readonly notes: string[];
}

/**
 * Makes the directory where it was named and is missing, and checks that agents of the group can trust it.
 *
 * @remarks
 * A directory that exists is never changed: it may be `/dev/shm`, or anything that somebody named by mistake.
 *
 * @throws MetricsError `ERR_METRICS_DIRECTORY` where agents would not trust what this user makes in it.
 */
export function initDirectory({ path, explicit }: ShardDirectory, group: UserGroup): DirectoryOutcome {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    if (!explicit) throw refused('there is no /dev/shm on this host: name a directory with --dir');
    create(path, group);
    return { created: true, notes: [] };
  }
  if (!stat.isDirectory()) throw refused(`${path} is not a directory`);
  const uid = userId();
  if (uid !== 0 && uid !== stat.uid) {
    throw refused(
      `${path} belongs to user ${stat.uid}, and agents trust only files of root and of the directory's owner; ` +
        'run init as root, or name a directory of this user with --dir',
    );
  }
  if ((stat.mode & 0o1002) === 0o0002) {
    throw refused(
      `anybody may replace files in ${path} (mode ${octal(stat.mode)}): chmod o-w or +t it first`,
    );
  }
  return { created: false, notes: accessNotes(path, stat, group) };
}

function accessNotes(path: string, stat: { mode: number; gid: number }, group: UserGroup): string[] {
  const notes = [];
  const bits = stat.gid === group.gid ? stat.mode >> 3 : stat.mode;
  if ((bits & 0o5) !== 0o5) {
    notes.push(
      `group ${group.name} may not read ${path} (mode ${octal(stat.mode)}, group ${stat.gid}); ` +
        `unless an access list says otherwise: chgrp ${group.name} ${path} && chmod 0750 ${path}`,
    );
  }
  if ((stat.mode & 0o1020) === 0o0020) {
    notes.push(`members of group ${stat.gid} may replace the shards: chmod g-w ${path}`);
  }
  return notes;
}

/** Makes it beside its place and moves it there: nobody, and no second run, ever finds it half made. */
function create(path: string, { gid }: UserGroup): void {
  const whole = path.replace(/\/+$/, '');
  const temporary = `${whole}.init-${process.pid}`;
  try {
    mkdirSync(temporary, { mode: 0o700 });
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw refused(`directory ${path} cannot be created: ${code}`, error);
  }
  try {
    chownSync(temporary, -1, gid);
    chmodSync(temporary, 0o750);
    renameSync(temporary, whole);
  } catch (error) {
    rmdirSync(temporary);
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const why = code === 'EPERM' ? `this user is neither root nor in group ${gid}` : code;
    throw refused(`directory ${path} cannot be given to group ${gid}: ${why}`, error);
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function refused(message: string, cause?: unknown): MetricsError {
  return new MetricsError('ERR_METRICS_DIRECTORY', message, { cause });
}
