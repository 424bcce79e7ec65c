import { createRequire } from 'node:module';
import type { Patch } from './case.js';

/** Milliseconds between an appender's looks at the path, in cases that cannot wait for a second. */
export const RECHECK_MS = 40;
/** How long a sealed file stays locked: longer than that. */
export const HOLD_MS = 60;
/** After how long without growth a segment is finished. */
export const FINISH_MS = 150;

/** Appenders look more often. */
export const SHORT_RECHECK: Patch = {
  file: 'src/store/appender.ts',
  find: 'options.recheckMs ?? 1000',
  replace: `options.recheckMs ?? ${RECHECK_MS}`,
};

/** Tailers save their position more often. */
export const SHORT_SAVE: Patch = {
  file: 'src/store/tail.ts',
  find: 'const SAVE_MS = 1000;',
  replace: 'const SAVE_MS = 50;',
};

/** As where fs-ext was not built. */
export const NO_LOCK: Patch = {
  file: 'src/store/lock.ts',
  find: `createRequire(import.meta.url)('fs-ext')`,
  replace: `createRequire(import.meta.url)('fs-ext/not-built')`,
};

/** Writers do not leave the last of the file system alone. */
export const NO_HEADROOM: Patch = {
  file: 'src/store/headroom.ts',
  find: 'if (bytes > spare) {',
  replace: 'if (bytes < 0) {',
};

/** Whether fs-ext was built. */
export function hasLock(): boolean {
  try {
    createRequire(import.meta.url)('fs-ext');
    return true;
  } catch {
    return false;
  }
}
