import type { RequestListener } from 'node:http';
import { Guard } from '../../../adapters/prometheus/guard.js';
import type { SupervisorStatus } from './supervisor.js';

/** Where it can be asked. */
const PATHS = ['/health', '/-/healthy', '/-/ready'] as const;

/**
 * Answers how the companions are: `/health` in JSON, `/-/healthy` whether the supervisor works, and `/-/ready` whether all
 * companions do, with 200 or 503.
 *
 * @remarks
 * A companion that fails makes nothing unhealthy: it is started again already, and who restarts all of it for one's sake
 * stops the others too. That is what `/-/ready` tells.
 */
export function healthHandler(
  read: () => SupervisorStatus,
  about: Readonly<Record<string, unknown>>,
  hosts: readonly string[],
): RequestListener {
  const guard = new Guard(hosts, undefined);
  return (request, response) => {
    const answer = (code: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(code, {
        'content-type': type,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    const path = PATHS.find((known) => known === request.url?.split('?')[0]);
    if (!guard.isMeantForUs(request)) answer(403, 'this host name is not among the allowed ones\n');
    else if (path === undefined) answer(404, `there are ${PATHS.join(', ')}\n`);
    else if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'GET or HEAD\n');
    else {
      const { stopping, ready, companions } = read();
      const status = stopping ? 'stopping' : ready ? 'ready' : 'not ready';
      const waited = Object.keys(companions).filter((name) => companions[name]?.ready !== true);
      const code = stopping || (path !== '/-/healthy' && !ready) ? 503 : 200;
      if (path === '/health') {
        answer(code, `${JSON.stringify({ status, ...about, companions })}\n`, 'application/json');
      } else if (code === 200) answer(200, path === '/-/ready' ? 'ready\n' : 'healthy\n');
      else answer(503, stopping ? 'stopping\n' : `not ready: ${waited.join(', ')}\n`);
    }
  };
}
