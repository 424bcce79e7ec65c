/** Runs something, and cleans up behind it however it ends: well, by an error, or by a signal. */
export async function runAndCleanUp(run: () => Promise<void>, cleanUp: () => void): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      cleanUp();
      process.kill(process.pid, signal);
    });
  }
  try {
    await run();
  } finally {
    cleanUp();
  }
}
