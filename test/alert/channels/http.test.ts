import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readEndpoint } from '../../../src/alert/channels/endpoint.js';
import { postOnce, type Post } from '../../../src/alert/channels/http.js';
import { unhurried } from './alerts.js';
import { type Answer, drip, hang, receiver, reset, status } from './receiver.js';

const TOKEN = 'CANARY-9d41c6e0b7';
const BODY = '{"exactly":"this","and":"nothing else ☃"}';

function toward(url: string, changes: Partial<Post> = {}): Post {
  const endpoint = readEndpoint('channels.ops.url', `${url}/services/T0AAAAAA/${TOKEN}?key=${TOKEN}`, {});
  return { endpoint, body: BODY, ...changes };
}

async function attempt(answer: Answer, changes: Partial<Post> = {}) {
  const { url, received } = await receiver(answer);
  const delivery = await postOnce(toward(url, changes), unhurried());
  expect(JSON.stringify(delivery)).not.toContain('CANARY');
  return { delivery, received, url };
}

describe('one attempt of a POST', () => {
  it('sends the body as it is, as JSON, and is sent at any 2xx', async () => {
    for (const code of [200, 202, 204]) {
      const { delivery, received } = await attempt(status(code), { headers: { 'x-more': '1' } });
      expect(delivery).toEqual({ outcome: 'sent' });
      expect(received).toHaveLength(1);
      expect(received[0]).toMatchObject({
        method: 'POST',
        path: `/services/T0AAAAAA/${TOKEN}?key=${TOKEN}`,
        body: BODY,
        headers: { 'content-type': 'application/json', 'user-agent': 'cfn-metrics', 'x-more': '1' },
      });
    }
  });

  it.each([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['0 seconds', { 'retry-after': '0' }, 0],
    [
      'a date, by the clock of who says it',
      { 'retry-after': 'Sun, 22 Nov 2020 01:02:00 GMT', date: 'Sun, 22 Nov 2020 01:00:00 GMT' },
      120_000,
    ],
    [
      'a date that is over',
      { 'retry-after': 'Sun, 22 Nov 2020 01:00:00 GMT', date: 'Sun, 22 Nov 2020 01:00:05 GMT' },
      0,
    ],
    ['more than an hour, which is an hour', { 'retry-after': '99999999999' }, 3_600_000],
    ['what is neither', { 'retry-after': '2.5' }, undefined],
    ['nothing', {}, undefined],
  ])('429 with Retry-After in %s', async (_what, headers: Record<string, string>, retryAfterMs) => {
    const { delivery, received, url } = await attempt(status(429, 'slow down', headers));
    expect(delivery).toEqual({
      outcome: 'retry',
      reason: `${url} answered 429: slow down`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
    expect(received.map(({ body }) => body)).toEqual([BODY]);
  });

  it('takes a date by its own clock where the receiver does not say what time it is', async () => {
    const at = new Date(Date.now() + 600_000).toUTCString();
    const { delivery } = await attempt((response) => {
      response.sendDate = false;
      response.writeHead(503, { 'retry-after': at }).end();
    });
    const { retryAfterMs = 0 } = delivery as { retryAfterMs?: number };
    expect(retryAfterMs).toBeGreaterThan(500_000);
    expect(retryAfterMs).toBeLessThanOrEqual(600_000);
  });

  it.each([408, 425, 500, 502, 503, 504, 599])('%i is to be tried again', async (code) => {
    const { delivery, received, url } = await attempt(status(code, 'boom'));
    expect(delivery).toEqual({ outcome: 'retry', reason: `${url} answered ${code}: boom` });
    expect(received.map(({ body }) => body)).toEqual([BODY]);
  });

  it.each([400, 401, 403, 404, 410, 413, 415, 422])('%i is final, and says what was said', async (code) => {
    const { delivery, received, url } = await attempt(status(code, 'invalid_payload'));
    expect(delivery).toEqual({ outcome: 'refused', reason: `${url} answered ${code}: invalid_payload` });
    expect(received.map(({ body }) => body)).toEqual([BODY]);
  });

  it.each([301, 302, 303, 307, 308])('%i is not followed', async (code) => {
    const other = await receiver();
    const { delivery, url } = await attempt(
      status(code, `go to ${TOKEN}`, { location: `${other.url}/elsewhere/${TOKEN}` }),
    );
    expect(delivery).toEqual({
      outcome: 'refused',
      reason: `${url} answered ${code}: redirects to ${other.url} are not followed`,
    });
    expect(other.received).toEqual([]);
  });

  it('gives up on a receiver that never answers', async () => {
    const { delivery, received, url } = await attempt(hang, { timeoutMs: 1000 });
    expect(delivery).toEqual({ outcome: 'retry', reason: `${url}: no answer within 1000 ms` });
    expect(received.map(({ body }) => body)).toEqual([BODY]);
  });

  it('gives up on a receiver that drips its headers', async () => {
    const answer = drip((_response, request) => request.socket.write('HTTP/1.1 200 OK\r\nx-slow: '));
    const { delivery, url } = await attempt(answer, { timeoutMs: 200 });
    expect(delivery).toEqual({ outcome: 'retry', reason: `${url}: no answer within 200 ms` });
  });

  it('has sent what was answered with 200, however long the rest of the answer takes', async () => {
    const answer = drip((_response, request) =>
      request.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n'),
    );
    const { delivery } = await attempt(answer, { timeoutMs: 15_000 });
    expect(delivery).toEqual({ outcome: 'sent' });
  });

  it('says of a dripped error what came in time', async () => {
    const answer = drip((_response, request) =>
      request.socket.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 1000000\r\n\r\nno such thing '),
    );
    const { delivery, url } = await attempt(answer, { timeoutMs: 1500 });
    expect(delivery.outcome).toBe('refused');
    expect('reason' in delivery && delivery.reason).toMatch(
      new RegExp(`^${url} answered 400: no such thing x*$`),
    );
  });

  it('reads no more than the beginning of a huge answer, also of one that is small until it is unpacked', async () => {
    let written = 0;
    let gone = false;
    const chunk = 'A'.repeat(65_536);
    const { delivery, url } = await attempt((response) => {
      response.on('close', () => (gone = true));
      response.writeHead(400).write('nothing ');
      const more = (): void => {
        while (!gone && written < 1 << 30) {
          written += chunk.length;
          if (!response.write(chunk)) break;
        }
      };
      response.on('drain', more);
      more();
    });
    expect(delivery.outcome).toBe('refused');
    const { reason } = delivery as { reason: string };
    expect(reason.slice(url.length)).toMatch(/^ answered 400: nothing A+…$/);
    expect(reason.length).toBeLessThan(url.length + 220);
    await expect.poll(() => gone).toBe(true);
    // what the buffers of two sockets hold, of a gigabyte
    expect(written).toBeLessThan(32 << 20);

    const huge = `nothing ${'A'.repeat(64 << 20)}`;
    const packed = gzipSync(huge);
    const bomb = await attempt((response) =>
      response.writeHead(400, { 'content-encoding': 'gzip' }).end(packed),
    );
    expect((bomb.delivery as { reason: string }).reason.length).toBeLessThan(url.length + 220);
  });

  it.each([
    ['the connection breaks', reset, /ECONNRESET|UND_ERR_SOCKET/],
    [
      'the answer is no HTTP',
      (_response: unknown, request: { socket: Socket }) => request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
      /HPE_INVALID/,
    ],
    [
      'the headers do not end',
      (_response: unknown, request: { socket: Socket }) =>
        request.socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`),
      /HEADERS_OVERFLOW/,
    ],
  ])('tries again where %s', async (_what, answer, code) => {
    const { delivery, received } = await attempt(answer);
    expect(delivery).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(code) });
    expect(received.map(({ body }) => body)).toEqual([BODY]);
  });

  it('tries again where nobody listens, and where there is no such host', async () => {
    const { url, server } = await receiver();
    await new Promise((closed) => server.close(closed));
    expect(await postOnce(toward(url), unhurried())).toEqual({
      outcome: 'retry',
      reason: `${url}: ECONNREFUSED`,
    });
    expect(await postOnce(toward('http://nowhere.invalid'), unhurried())).toMatchObject({
      outcome: 'retry',
      reason: expect.stringMatching(/^http:\/\/nowhere.invalid: (ENOTFOUND|EAI_AGAIN)$/),
    });
  });

  it('gives up where the receiver does not even read', async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      socket.pause();
      sockets.push(socket);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const body = 'x'.repeat(16 << 20);
    const delivery = await postOnce(toward(url, { body, timeoutMs: 200 }), unhurried());
    expect(delivery).toEqual({ outcome: 'retry', reason: `${url}: no answer within 200 ms` });
  });

  it('ends when it is told to, before and meanwhile, and leaves no listener behind', async () => {
    const { url, received } = await receiver(hang);
    expect(await postOnce(toward(url), AbortSignal.abort())).toEqual({
      outcome: 'retry',
      reason: `${url}: interrupted`,
    });
    expect(received).toEqual([]);
    const program = new AbortController();
    const sending = postOnce(toward(url), program.signal);
    await expect.poll(() => received.length).toBe(1);
    program.abort();
    expect(await sending).toEqual({ outcome: 'retry', reason: `${url}: interrupted` });
  });

  it('shows nothing of a secret that the receiver repeats, nor control characters', async () => {
    const echo = `\x1b[31mCannot POST /services/T0AAAAAA/${TOKEN}?key=${TOKEN}\r\n\u202eKEY-${TOKEN} x-${TOKEN}`;
    const { delivery, url } = await attempt(status(404, echo), { secrets: [`KEY-${TOKEN}`] });
    expect(delivery).toEqual({
      outcome: 'refused',
      reason: `${url} answered 404: \\x1b[31mCannot POST *** \\u{202e}*** x-***`,
    });
  });

  it('shows no part of a secret that was cut off, by us or by the end of the connection', async () => {
    // thousands of characters of secrets become few, so that the end of what was read is shown
    const long = `CANARY☃${'0123456789'.repeat(30)}`;
    for (let shift = 0; shift < 330; shift += 3) {
      const said = `${'.'.repeat(shift % 100)}${long.repeat(30)}`;
      for (const answer of [said, said.slice(0, 2500 + shift)]) {
        const { delivery } = await attempt(
          (response, request) => {
            if (answer === said) response.writeHead(400).end(said);
            else request.socket.end(`HTTP/1.1 400 Bad\r\ncontent-length: 100000\r\n\r\n${answer}`);
          },
          { secrets: [long] },
        );
        const shown = JSON.stringify(delivery).split('***').at(-1);
        expect(shown).toMatch(/^[.]*"}$/);
      }
    }
  });
});
