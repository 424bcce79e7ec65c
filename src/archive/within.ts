/** Whoever ignores the signal is not waited for any longer. */
const GRACE_MS = 5000;

/**
 * Does something that has an end.
 *
 * @param work - Is told by a signal that it took too long, or that the end has come; then it has a few seconds to leave
 * nothing behind, and has failed, whatever it returns.
 * @param timeoutMs - How long it may take.
 * @param signal - The end.
 * @throws Error what `work` throws; that it took too long; or the reason of the end.
 */
export async function within(
  work: (signal: AbortSignal) => void | Promise<void>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort(signal.reason);
  const tooLong = new Error(`it took longer than ${timeoutMs / 1000} s, and was ended`);
  const timer = setTimeout(() => stop.abort(tooLong), timeoutMs);
  let grace: NodeJS.Timeout | undefined;
  const ignored = new Promise<void>((_resolve, reject) => {
    const wait = (): void => void (grace = setTimeout(() => reject(tooLong), GRACE_MS));
    stop.signal.addEventListener('abort', wait, { once: true });
  });
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await Promise.race([work(stop.signal), ignored]);
    stop.signal.throwIfAborted();
  } catch (error) {
    // Whatever it made of the signal, the signal is why.
    stop.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    signal.removeEventListener('abort', end);
  }
}
