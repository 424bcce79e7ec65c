import { createServer, type Server } from 'node:http';
import { MetricsError } from '../../errors.js';
import type { ArchiverStatus } from '../../archive/status.js';

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
  const server = createServer((request, response) => {
    const judge = judges[request.url?.split('?')[0] ?? ''];
    const status = readStatus();
    const code = judge === undefined ? 404 : judge(status, intervalMs) ? 200 : 503;
    response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(judge === undefined ? '{}\n' : `${JSON.stringify({ ok: code === 200, ...status })}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'somebody else listens there' : error.message;
      const message = `--health-port ${port} cannot be used: ${reason}`;
      reject(new MetricsError('ERR_METRICS_OPTION', message, { cause: error }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return server.unref();
}
