import { statSync } from 'node:fs';

/**
 * A text that changes with a file, and with why it cannot be looked at, which reading it will tell; empty where it is not
 * there.
 */
export function fileVersion(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.mtimeMs} ${stat.size}`;
  } catch (error) {
    return String(error);
  }
}
