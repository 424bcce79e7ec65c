import type { FileLock } from '../../store/lock.js';
import { type Finding, ok, warning } from './finding.js';

/** Whether appends are locked against the sealer, and where not, why, and how to get there. */
export function lockFinding({ kind, reason = '' }: FileLock): Finding {
  if (kind === 'flock') return ok('lock', 'fs-ext is there: appends share flock(2)');
  const effect =
    'appends go without the lock: no line mixes with another, and a sealed file is kept open for longer';
  if (/NODE_MODULE_VERSION|ERR_DLOPEN_FAILED|invalid ELF|wrong ELF/.test(reason)) {
    return warning('lock', `fs-ext was built for another Node; ${effect}`, 'npm rebuild fs-ext');
  }
  if (/Cannot find module '(?!fs-ext')/.test(reason)) {
    return warning(
      'lock',
      `fs-ext is installed but not built; ${effect}`,
      'npm install-scripts approve fs-ext (npm 12; older ones need no approval), then: npm rebuild fs-ext',
    );
  }
  if (/Cannot find (module|package) 'fs-ext'/.test(reason)) {
    return warning('lock', `fs-ext is not installed; ${effect}`, 'npm install fs-ext (needs a C++ compiler)');
  }
  return warning('lock', `fs-ext does not load (${reason.split('\n')[0]!}); ${effect}`, 'npm rebuild fs-ext');
}
