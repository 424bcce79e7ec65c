import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether everything that a test can need has to be there. */
export const IN_CI = (process.env['CI'] ?? '') !== '';

/** Whether a test of a program can run: in CI always, where one that is missing is a failure and no reason to skip. */
export function has(program: string): boolean {
  return (
    IN_CI || (process.env['PATH'] ?? '').split(delimiter).some((folder) => isProgram(join(folder, program)))
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
