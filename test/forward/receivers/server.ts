import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, inflateSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/**
 * What a receiver does in place of its work: answer with a status, never answer, cut the connection, or take the request and
 * cut the connection before the answer.
 */
export type Fault = number | Answer | 'hang' | 'reset' | 'lost';

/** An answer. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A request whose body is uncompressed and within the limits. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Bytes of the body as it came. */
  readonly bytes: number;
}

/** What a receiver takes of any request. */
export interface Limits {
  readonly bytes: number;
  readonly rawBytes: number;
}

/** What a request is refused with. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A receiver at work. */
export interface Server {
  readonly url: string;
  /** What it does with the next requests, one each; then it works. */
  readonly faults: Fault[];
  /** Status of each answer, with what was wrong; 0 where there was none. */
  readonly answers: { readonly status: number; readonly reason: string }[];
  readonly close: () => Promise<void>;
}

/** Starts a receiver, which ends with the test. */
export async function startServer(
  limits: Limits,
  work: (request: Received) => Answer,
  port = 0,
): Promise<Server> {
  const faults: Fault[] = [];
  const answers: { status: number; reason: string }[] = [];
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = faults.shift();
    if (fault === 'reset') {
      answers.push({ status: 0, reason: 'reset' });
      request.socket.destroy();
      return;
    }
    const body = await bodyOf(request, limits);
    if (fault === 'hang') {
      answers.push({ status: 0, reason: 'hang' });
      return;
    }
    if (fault !== undefined && fault !== 'lost') {
      answer(response, typeof fault === 'number' ? { status: fault, body: 'as told' } : fault);
      return;
    }
    const made = attempt(() => work(open(request, body, limits)));
    if (fault === 'lost') {
      answers.push({ status: 0, reason: 'lost' });
      request.socket.destroy();
      return;
    }
    answer(response, made);
  }
  function answer(response: ServerResponse, { status, headers, body = '' }: Answer): void {
    answers.push({ status, reason: status < 300 ? '' : String(body) });
    response.writeHead(status, headers).end(body);
  }
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, faults, answers, close };
}

function attempt(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    return { status: error instanceof Refusal ? error.status : 400, body: String(error) };
  }
}

async function bodyOf(request: IncomingMessage, limits: Limits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // the rest is read, as a server does that answers in peace
    if (bytes <= limits.bytes + 1) chunks.push(chunk);
  }
  return bytes > limits.bytes ? Buffer.alloc(bytes) : Buffer.concat(chunks);
}

function open({ method, url = '', headers }: IncomingMessage, body: Buffer, limits: Limits): Received {
  if (method !== 'POST') throw new Refusal(405, `method ${method}`);
  if (body.length > limits.bytes) throw new Refusal(413, `${body.length} bytes`);
  const raw = uncompressed(body, headers['content-encoding'], limits.rawBytes);
  if (raw.length > limits.rawBytes) throw new Refusal(413, `${raw.length} bytes uncompressed`);
  return { path: url, headers, body: raw, bytes: body.length };
}

function uncompressed(body: Buffer, encoding: string | undefined, max: number): Buffer {
  try {
    if (encoding === undefined) return body;
    if (encoding === 'gzip') return gunzipSync(body, { maxOutputLength: max + 1 });
    if (encoding === 'deflate') return inflateSync(body, { maxOutputLength: max + 1 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Refusal(code === 'ERR_BUFFER_TOO_LARGE' ? 413 : 400, String(error));
  }
  throw new Refusal(415, `content-encoding ${encoding}`);
}
