import { MetricsError } from '../errors.js';
import { visible } from './text.js';

/**
 * Tells on stderr what went wrong, as one line.
 *
 * @remarks
 * Names of files and values of options can hold anything, so nothing in the line is left that a terminal would obey.
 * With `CFN_METRICS_DEBUG=1` the stack follows.
 */
export function complain(error: unknown): void {
  process.stderr.write(`cfn-metrics: ${visible(messageOf(error))}\n`);
  if (process.env['CFN_METRICS_DEBUG'] === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
    if (error.cause instanceof Error) process.stderr.write(`caused by ${error.cause.stack ?? ''}\n`);
  }
}

/** The exit code of an error: 2 where the caller asked for what cannot be, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  return error instanceof MetricsError && error.code === 'ERR_METRICS_OPTION' ? 2 : 1;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof MetricsError || 'syscall' in error) return error.message;
  return `unexpected error: ${error.message} (CFN_METRICS_DEBUG=1 shows where)`;
}
