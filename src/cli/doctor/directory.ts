import { accessSync, constants, statSync, type Stats } from 'node:fs';
import { isAbsolute } from 'node:path';
import { type ShardDirectory, userId } from '../../store/directory.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** Whether agents of this user, and perhaps of others, can trust and use the directory. */
export function directoryFindings({ path, explicit }: ShardDirectory): Finding[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    return explicit
      ? [problem('directory', `${path} does not exist: nothing is stored`, `mkdir -m 0700 ${path}`)]
      : [ok('directory', `${path} does not exist yet; the first writer makes it`)];
  }
  if (!stat.isDirectory()) {
    return [problem('directory', `${path} is not a directory`, 'set CFN_METRICS_DIR to one')];
  }
  const findings = [modeFinding(path, stat)];
  if (!isAbsolute(path)) {
    findings.push(
      warning(
        'directory path',
        `${path} is relative: agents that start elsewhere write elsewhere`,
        'set CFN_METRICS_DIR to an absolute path',
      ),
    );
  }
  return findings;
}

function modeFinding(path: string, stat: Stats): Finding {
  const mode = `mode ${(stat.mode & 0o7777).toString(8).padStart(4, '0')}`;
  const what = `${path}, ${mode}, owner ${stat.uid}, group ${stat.gid}`;
  const sticky = (stat.mode & 0o1000) !== 0;
  if (!sticky && (stat.mode & 0o002) !== 0) {
    return problem('directory', `${what}: anybody may replace the shards`, `chmod o-w ${path}`);
  }
  if (!sticky && (stat.mode & 0o020) !== 0) {
    return warning('directory', `${what}: its group may replace the shards`, `chmod g-w ${path}`);
  }
  if (!allowed(path, constants.R_OK | constants.X_OK)) {
    return problem('directory', `${what}: this user may not read it`, cureForUsers(path));
  }
  if (stat.uid !== userId() && stat.uid !== 0) {
    return warning(
      'directory',
      `${what}: files of user ${stat.uid} are trusted in it`,
      `if that is not who ran init, set CFN_METRICS_DIR to another directory`,
    );
  }
  return ok('directory', what);
}

/** Whether this user may create files in a directory. */
export function mayCreate(path: string): boolean {
  return allowed(path, constants.W_OK | constants.X_OK);
}

function allowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** What several users do. */
export function cureForUsers(path: string): string {
  return `as root: cfn-metrics init --group GROUP --dir ${path}, with this user in GROUP`;
}
