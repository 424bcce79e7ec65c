import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * Makes an identity for a writer: its pid, when the process started, and something random.
 *
 * @remarks
 * Readers tell streams of one series apart by it: a restarted process, a worker thread and a forked child each are a
 * stream of their own. `service.instance.id` will not do, since children inherit it with the environment.
 *
 * @returns For instance `4711-mi9x2k1c-5f3a9c01`.
 */
export function createWriterId(): string {
  const started = Math.round(performance.timeOrigin).toString(36);
  return `${process.pid}-${started}-${randomBytes(4).toString('hex')}`;
}

/** Who this process is where nobody named an agent. */
export function defaultAgent(): string {
  return `${hostname()}-${process.pid}`.slice(0, 128);
}
