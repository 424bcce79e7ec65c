import type { RequestListener, Server } from 'node:http';
import { Guard } from '../../../adapters/prometheus/guard.js';
import type { ArchiverStatus } from '../../archive/status.js';
import { listen } from '../serve/listen.js';

/** Longer without a look at what is due, and the process hangs. */
const HANGING_MS = 120_000;
/** How much longer than the interval a sync may be ago. */
const SLACK_SECONDS = 60;

/** Whether the archive is as fresh as it should be. */
export function isReady(status: ArchiverStatus, intervalMs: number): boolean {
  const { lagSeconds, error } = status;
  return error === null && lagSeconds !== null && lagSeconds <= intervalMs / 1000 + SLACK_SECONDS;
}

/** Whether the process does its work. */
function isAlive({ idleMs }: ArchiverStatus, intervalMs: number): boolean {
  return idleMs <= intervalMs + HANGING_MS;
}

/**
 * Answers `/healthz` (does the process work?) and `/readyz` (is the archive fresh?) on 127.0.0.1 with 200 or 503 and
 * the status.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where the port cannot be had.
 */
export async function serveHealth(
  port: number,
  intervalMs: number,
  readStatus: () => ArchiverStatus,
): Promise<Server> {
  const judges: Readonly<Record<string, typeof isReady>> = { '/healthz': isAlive, '/readyz': isReady };
  const guard = new Guard([], undefined);
  const handler: RequestListener = (request, response) => {
    const say = (code: number, body: unknown): void => {
      response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const judge = judges[request.url?.split('?')[0] ?? ''];
    if (!guard.isMeantForUs(request)) say(403, { error: 'this host name is not among the allowed ones' });
    else if (judge === undefined) say(404, {});
    else {
      const status = readStatus();
      const ok = judge(status, intervalMs);
      say(ok ? 200 : 503, { ok, ...status });
    }
  };
  return (await listen(handler, '127.0.0.1', port, 'health-port')).unref();
}
