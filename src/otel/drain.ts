/** What Node calls between two callbacks; undocumented, and there in Node 20 to 24. */
type WithTicks = NodeJS.Process & { readonly _tickCallback?: () => void };

/** So many ticks may throw. */
const MAX_THROWN = 100;

/**
 * Runs promise reactions and ticks that are ready, now. Without effect where Node has no way to.
 *
 * @remarks
 * Collecting metrics goes through promises, and after `process.exit()` Node runs no more of those. Our export does all
 * its work synchronously, so this is all it takes to have the last values stored.
 */
export function drain(): void {
  for (let tries = 0; tries < MAX_THROWN; tries += 1) {
    try {
      (process as WithTicks)._tickCallback?.();
      return;
    } catch {
      // thrown by a tick of somebody else's; what is behind it has not run yet
    }
  }
}

/**
 * Does the same while the process is ending, so that nothing else comes of it: the application's own reactions run as
 * well, and neither their `process.exit()`, nor an error or rejection of theirs may change how the process ends.
 */
export function drainAtExit(): void {
  const { exitCode } = process;
  /* eslint-disable no-restricted-properties, @typescript-eslint/unbound-method -- put away and put back, never called */
  const exit = process.exit;
  process.exit = () => {
    throw new Error('the process is ending already');
  };
  const captures = !process.hasUncaughtExceptionCaptureCallback() && capture(() => undefined);
  try {
    drain();
  } finally {
    if (captures) capture(null);
    process.exit = exit;
    process.exitCode = exitCode;
  }
  /* eslint-enable no-restricted-properties, @typescript-eslint/unbound-method */
}

function capture(callback: (() => void) | null): boolean {
  try {
    process.setUncaughtExceptionCaptureCallback(callback);
    return true;
  } catch {
    // the domain module is in use, which does not let anybody else do this
    return false;
  }
}
