import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a receiver got. */
export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a receiver does with a request whose body has come. */
export type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void;

/** A real HTTP server on the loopback that keeps what it gets; it ends with the test. */
export async function receiver(answer: Answer = status(200, 'ok')) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      const body = Buffer.concat(chunks).toString();
      received.push({ method, path, headers, body });
      answer(response, request, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, server };
}

/** Answers with a status, a text and headers. */
export function status(code: number, text = '', headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(code, headers).end(text);
}

/** Never answers. */
export const hang: Answer = () => undefined;

/** Breaks the connection. */
export const reset: Answer = (_response, request) => {
  request.socket.resetAndDestroy();
};

/** Sends one byte of an answer each 20 ms, and never ends. */
export function drip(head: (response: ServerResponse, request: IncomingMessage) => void): Answer {
  return (response, request) => {
    head(response, request);
    const timer = setInterval(() => request.socket.write('x'), 20);
    request.socket.on('close', () => {
      clearInterval(timer);
    });
    request.socket.on('error', () => undefined);
  };
}
