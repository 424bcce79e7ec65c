import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the archive is by default, where that can be written. */
const SYSTEM = '/metrics/archive';

/** Where the archive is: the flag, then CFN_METRICS_ARCHIVE_DIR, then the system's, then the user's state directory. */
export function archiveDirectory(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const { CFN_METRICS_ARCHIVE_DIR: named = '', XDG_STATE_HOME: state = '' } = env;
  if (flag !== undefined) return flag;
  if (named !== '') return named;
  if (isWritable(SYSTEM)) return SYSTEM;
  return join(state.startsWith('/') ? state : join(homedir(), '.local/state'), 'cfn-metrics/archive');
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
