import { complain } from './failure.js';

/**
 * Minds what happens to stdout: a reader that went away (`| head`) is no error, and everything else is one.
 *
 * @param onGone - Called when nobody reads any more.
 */
export function watchOutput(onGone: () => void = () => undefined): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    onGone();
    if (error.code === 'EPIPE' || process.exitCode === 1) return;
    process.exitCode = 1;
    complain(error);
  });
}

/** Writes to stdout; false where the reader is behind. */
export function print(text: string | Uint8Array): boolean {
  return process.stdout.write(text);
}
