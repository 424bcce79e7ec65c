/**
 * Runs something, and cleans up behind it however it ends: well, by an error, or by a signal.
 *
 * @param stop - For the first SIGTERM: ends it early and in good order. Ctrl-C is heard by all that it has started as well.
 */
export async function runAndCleanUp(
  run: () => Promise<void>,
  cleanUp: () => void,
  stop?: () => void,
): Promise<void> {
  let stops = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop !== undefined && !stops && signal === 'SIGTERM') {
      stops = true;
      stop();
      return;
    }
    process.removeListener(signal, onSignal);
    cleanUp();
    process.kill(process.pid, signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  try {
    await run();
  } finally {
    cleanUp();
  }
}
