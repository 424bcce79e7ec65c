import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MetricsError } from '../../errors.js';

/** A scrape comes on one connection, and stays on it; more than these are no scrapers. */
const MAX_CONNECTIONS = 256;
/** How long a client may take to say what it wants, and how often those that take longer are looked for. */
const REQUEST_MS = 10_000;
const LOOK_MS = 1000;

/**
 * Listens on an address.
 *
 * @param flag - What the port is called to who chose it.
 * @throws MetricsError `ERR_METRICS_OPTION` where it cannot be had.
 */
export async function listen(
  handler: RequestListener,
  host: string,
  port: number,
  flag = 'port',
): Promise<Server> {
  const limits = {
    requestTimeout: REQUEST_MS,
    headersTimeout: REQUEST_MS,
    connectionsCheckingInterval: LOOK_MS,
  };
  const server = createServer(limits, handler);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new MetricsError('ERR_METRICS_OPTION', problemOf(error, host, `--${flag} ${port}`), { cause: error }),
      );
    });
    server.listen(port, host, resolve);
  });
  return server;
}

/** Where a server can be reached, as in a URL. */
export function origin(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function problemOf({ code, message }: NodeJS.ErrnoException, host: string, what: string): string {
  if (code === 'EADDRINUSE') return `${what} cannot be used on ${host}: somebody else listens there`;
  if (code === 'EACCES') return `${what} cannot be used on ${host}: this user may not`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `--host ${host} is no address of this machine`;
  return `--host ${host} ${what} cannot be used: ${message}`;
}
