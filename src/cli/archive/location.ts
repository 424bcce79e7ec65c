import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the archive is by default, where that can be written. */
const SYSTEM = '/metrics/archive';

/** Where the archive is where nobody says otherwise: the system's, else in the user's state directory. */
export function defaultArchive({ XDG_STATE_HOME: state = '' }: NodeJS.ProcessEnv): string {
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
