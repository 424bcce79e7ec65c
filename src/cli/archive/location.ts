import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { stateHome } from '../user-state.js';

/** Where the archive is by default, where that can be written. */
const SYSTEM = '/metrics/archive';

/** Where the archive is where nobody says otherwise: the system's, else in the user's state directory. */
export function defaultArchive(env: NodeJS.ProcessEnv): string {
  if (isWritable(SYSTEM)) return SYSTEM;
  return join(stateHome(env), 'archive');
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
