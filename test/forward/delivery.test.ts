import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Point } from '../../src/forward/point.js';
import type { MetricRecord } from '../../src/record.js';
import { answer, setup, type Trouble } from './support.js';

const T = Date.parse('2026-11-21T10:00:00.000Z');
const counts = (agents: number, time = T): Partial<MetricRecord>[] =>
  Array.from({ length: agents }, (_, i) => ({
    ...({ metric: 'n', type: 'counter', value: i + 1, agent: `agent-${i}`, time } as const),
  }));

const reset: Trouble = (request) => {
  request.socket.destroy();
  return true;
};
/** Takes it, and never says so. */
const hang: Trouble = () => true;
/** Accepts, and then an end of the answer never comes. */
const endless: Trouble = (_request, response) => {
  response.writeHead(200).write('x');
  return true;
};

describe('what fails is sent again, the same and in its order, until it is accepted', () => {
  it.each<[string, Trouble[]]>([
    ['500, 502, 503 and 504', [500, 502, 503, 504].map((status) => answer(status))],
    ['408, 425 and 429', [408, 425, 429].map((status) => answer(status))],
    ['resets', [reset, reset]],
    ['no answer', [hang, hang]],
  ])('%s', async (_name, troubles) => {
    const { store, forwarder, receiver } = await setup('delta', { points: 2 });
    receiver.troubles.push(...troubles);
    store(1, ...counts(4), ...counts(4, T + 10_000));
    const made = forwarder({ timeoutMs: troubles.includes(hang) ? 1000 : 10_000 });
    expect(await made.once()).toBe(true);
    expect(made.stats).toMatchObject({ retries: troubles.length, deadLettered: 0, points: 8, requests: 4 });
    const [first] = receiver.requests;
    expect(receiver.requests.slice(0, troubles.length + 1)).toEqual(
      new Array(troubles.length + 1).fill(first),
    );
    expect(receiver.points.map(({ agent, time, value }) => [agent, time, value])).toEqual(
      [T + 10_000, T + 20_000].flatMap((time) => [0, 1, 2, 3].map((i) => [`agent-${i}`, time, i + 1])),
    );
  });

  it('a receiver that is not there, until it is', async () => {
    const { store, forwarder, receiver, events } = await setup();
    store(1, ...counts(1));
    const { encode } = receiver.backend();
    let url = 'http://127.0.0.1:9';
    const made = forwarder({
      backend: receiver.backend(
        'cumulative',
        {},
        {
          encode: (points, of) => encode(points, of).map((request) => ({ ...request, url })),
        },
      ),
    });
    expect(await made.once({ signal: AbortSignal.abort(), flushMs: 1000 })).toBe(false);
    expect(made.stats).toMatchObject({ points: 0, waiting: 1 });
    expect(events.some((event) => event.type === 'retry' && event.reason.includes('127.0.0.1:9'))).toBe(true);
    await made.close();
    url = receiver.url;
    expect(await forwarder().once()).toBe(true);
    expect(receiver.valuesOf('n')[0]).toEqual(['agent-0', T + 10_000, 1]);
  });

  it('waits as long as Retry-After says, in seconds or as a date', async () => {
    const { store, forwarder, receiver, events } = await setup();
    const date = new Date(Math.floor(Date.now() / 1000) * 1000);
    const later = new Date(date.getTime() + 1000);
    receiver.troubles.push(answer(429, { 'retry-after': '1' }));
    receiver.troubles.push(answer(503, { 'retry-after': later.toUTCString(), date: date.toUTCString() }));
    receiver.troubles.push(answer(429, { 'retry-after': 'soon' }));
    store(1, ...counts(1));
    const startedAt = performance.now();
    expect(await forwarder().once()).toBe(true);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1990);
    const waits = events.flatMap((event) => (event.type === 'retry' ? [event.retryMs] : []));
    expect(waits.slice(0, 2)).toEqual([1000, 1000]);
    expect(waits[2]).toBeLessThanOrEqual(20);
  });

  it('waits up to the bound, and no longer', async () => {
    const { store, forwarder, receiver, events } = await setup();
    receiver.troubles.push(...new Array<Trouble>(8).fill(answer(500)));
    store(1, ...counts(1));
    const made = forwarder({ maxBackoffMs: 40, random: () => 1 });
    await made.once();
    const waits = events.flatMap((event) => (event.type === 'retry' ? [event.retryMs] : []));
    expect(waits).toEqual(new Array(8).fill(40));
  });

  it('an answer that never ends is an answer', async () => {
    const { store, forwarder, receiver } = await setup();
    receiver.troubles.push(endless);
    store(1, ...counts(1));
    const made = forwarder({ timeoutMs: 2000, resendMs: 1e9 });
    expect(await made.once()).toBe(true);
    expect(made.stats).toMatchObject({ retries: 0, points: 1 });
  });
});

describe('what is too large', () => {
  it('for the receiver is halved until it is not', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    const limit: Trouble = (_request, response, points) => {
      receiver.troubles.unshift(limit);
      if (points.length <= 3) return false;
      response.writeHead(413).end();
      return true;
    };
    receiver.troubles.push(limit);
    store(1, ...counts(20));
    const made = forwarder();
    expect(await made.once()).toBe(true);
    expect(receiver.points.map(({ value }) => value)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(made.stats).toMatchObject({ points: 20, deadLettered: 0, retries: 0 });
  });

  it('by its own limits is never sent', async () => {
    const { store, forwarder, receiver } = await setup('delta', { rawBytes: 1000 });
    store(1, ...counts(30));
    expect(await forwarder().once()).toBe(true);
    expect(receiver.points).toHaveLength(30);
    for (const points of receiver.requests) expect(JSON.stringify(points).length).toBeLessThanOrEqual(1000);
  });

  it('as one point is refused, and holds up nobody', async () => {
    const { store, forwarder, receiver, state } = await setup('delta', { rawBytes: 1000 });
    const [first, second, third] = counts(3);
    store(1, first!, { ...second, attributes: { long: 'x'.repeat(2000) } }, third!);
    const made = forwarder();
    expect(await made.once()).toBe(true);
    expect(receiver.points.map(({ agent }) => agent)).toEqual(['agent-0', 'agent-2']);
    expect(made.stats.deadLettered).toBe(1);
    expect(readFileSync(join(state, 'test.dead-letters.jsonl'), 'utf8')).toContain(
      'bytes are more than a request',
    );
  });
});

describe('what is refused', () => {
  it.each([400, 401, 403, 404, 409, 422, 301, 302, 308])(
    'with %i goes to the dead letters, and holds up nobody',
    async (status) => {
      const { store, forwarder, receiver, state, events } = await setup('delta');
      let elsewhere = 0;
      const headers = { location: `${receiver.url}/elsewhere` };
      receiver.troubles.push(answer(status, headers, 'not this: secret-key\n\u001b[2J'));
      receiver.troubles.push((request) => {
        if (request.url!.endsWith('elsewhere')) elsewhere += 1;
        return false;
      });
      store(1, ...counts(2), ...counts(1, T + 10_000));
      const made = forwarder();
      expect(await made.once()).toBe(true);
      expect(receiver.points).toMatchObject([{ agent: 'agent-0', time: T + 20_000 }]);
      expect(elsewhere).toBe(0);
      expect(made.stats).toMatchObject({ deadLettered: 2, points: 1, retries: 0 });
      const text = readFileSync(join(state, 'test.dead-letters.jsonl'), 'utf8');
      const letters = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(letters).toMatchObject([
        { agent: 'agent-0', metric: 'n', value: 1, timestamp: '2026-11-21T10:00:10.000Z' },
        { agent: 'agent-1', metric: 'n', value: 2, timestamp: '2026-11-21T10:00:10.000Z' },
      ]);
      const [refused] = events.filter(({ type }) => type === 'refused');
      expect(refused).toMatchObject({ points: 2, reason: expect.stringContaining(`answered ${status}`) });
      // neither keys nor what a terminal would obey
      expect(JSON.stringify([refused, text])).not.toMatch(/secret-key|\\u001b/);
    },
  );

  it('is said once a reason, and kept within bounds', async () => {
    const { store, forwarder, receiver, state, events } = await setup('delta');
    receiver.troubles.push(...new Array<Trouble>(40).fill(answer(400, {}, 'no')));
    for (let i = 0; i < 40; i += 1) store(1, ...counts(5, T + 10_000 * i));
    const made = forwarder({ maxDeadLetterBytes: 4000 });
    await made.once();
    expect(made.stats.deadLettered).toBe(200);
    expect(events.filter(({ type }) => type === 'refused')).toHaveLength(1);
    for (const file of ['test.dead-letters.jsonl', 'test.dead-letters.jsonl.1']) {
      const text = readFileSync(join(state, file), 'utf8');
      expect(text.length).toBeLessThanOrEqual(4000);
      for (const line of text.trim().split('\n')) JSON.parse(line);
    }
  });

  it('of an accepted request is counted and said', async () => {
    const { store, forwarder, receiver, events } = await setup('delta');
    const partialSuccess = (body: Uint8Array) => ({
      points: Number(Buffer.from(body).toString()),
      reason: 'too many',
    });
    receiver.troubles.push((_request, response) => {
      response.writeHead(200).end('2');
      return true;
    });
    store(1, ...counts(5));
    const made = forwarder({ backend: receiver.backend('delta', {}, { partialSuccess }) });
    await made.once();
    expect(made.stats).toMatchObject({ points: 3, partiallyRefused: 2 });
    expect(events).toContainEqual({
      type: 'refused',
      backend: 'test',
      points: 2,
      reason: 'too many',
      file: undefined,
    });
  });

  it('as too old by the backend is not sent, counted and said once', async () => {
    const { store, forwarder, receiver, events } = await setup('delta', { maxAgeMs: 3_600_000 });
    const now = Date.now();
    for (let hours = 5; hours > 1; hours -= 1) store(1, ...counts(2, now - hours * 3_600_000));
    store(1, ...counts(1, now));
    const made = forwarder();
    await made.once();
    expect(receiver.points).toHaveLength(1);
    expect(made.stats).toMatchObject({ tooOld: 8, points: 1 });
    expect(events.filter(({ type }) => type === 'tooOld')).toMatchObject([{ points: 2 }]);
  });

  it('as without a form for the backend is not sent, counted and said once', async () => {
    const { store, forwarder, receiver, events } = await setup('delta', { points: 2 });
    const { encode } = receiver.backend();
    const even = receiver.backend(
      'delta',
      { points: 2 },
      {
        encode: (points, of) =>
          encode(
            points.filter(({ value }) => value % 2 === 0),
            of,
          ),
      },
    );
    store(1, ...counts(6));
    const made = forwarder({ backend: even });
    await made.once();
    expect(made.stats).toMatchObject({ untold: 3, points: 3, deadLettered: 0 });
    expect(events.filter(({ type }) => type === 'untold')).toMatchObject([
      { points: 1, reason: 'the backend has no form for what they say' },
    ]);
  });

  it('as without a form is said once for each reason that the backend has', async () => {
    const { store, forwarder, receiver, events } = await setup('delta', { points: 1 });
    const whyUntold = ({ value }: Point): string => (value % 2 === 0 ? 'even' : 'odd');
    const none = receiver.backend('delta', { points: 1 }, { encode: () => [], whyUntold });
    store(1, ...counts(5));
    const made = forwarder({ backend: none });
    await made.once();
    expect(made.stats.untold).toBe(5);
    expect(events.filter(({ type }) => type === 'untold')).toMatchObject([
      { reason: 'odd' },
      { reason: 'even' },
    ]);
  });

  it('by a backend that fails on it harms nobody', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    const { encode } = receiver.backend();
    const backend = receiver.backend(
      'delta',
      { points: 1 },
      {
        encode: (points, of) => {
          if (points[0]!.agent === 'agent-1') throw new Error('a bug');
          return encode(points, of);
        },
      },
    );
    store(1, ...counts(3));
    const made = forwarder({ backend });
    expect(await made.once()).toBe(true);
    expect(receiver.points).toHaveLength(2);
    expect(made.stats.deadLettered).toBe(1);
  });
});

describe('while the backend is away', () => {
  it('nothing is read, and afterwards nothing is missing', async () => {
    const { store, forwarder, receiver } = await setup('delta');
    let away = true;
    const trouble: Trouble = (_request, response) => {
      receiver.troubles.unshift(trouble);
      if (away) response.writeHead(503).end();
      return away;
    };
    receiver.troubles.push(trouble);
    const made = forwarder({ intervalMs: 100, graceMs: 0 });
    const stop = new AbortController();
    const running = made.run({ signal: stop.signal });
    onTestFinished(() => stop.abort());
    store(1, ...counts(1));
    while (made.stats.retries < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    const { records } = made.stats;
    for (let i = 0; i < 20; i += 1) store(2, ...counts(50, Date.now()));
    const { retries } = made.stats;
    while (made.stats.retries < retries + 5) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(made.stats).toMatchObject({ records, waiting: 1 });
    away = false;
    stop.abort();
    expect(await running).toBe(true);
    const sum = receiver.points.reduce((total, { value }) => total + value, 0);
    expect(sum).toBe(1 + 20 * ((50 * 51) / 2));
  });
});

it('check sends one point and says what came back', async () => {
  const { forwarder, receiver, state } = await setup();
  expect(await forwarder().check()).toEqual({ ok: true, message: 'accepted' });
  expect(receiver.points).toMatchObject([{ metric: 'cfn.forward.check', value: 1, type: 'gauge' }]);
  receiver.troubles.push(answer(403, {}, 'bad key secret-key'));
  const refused = await forwarder().check();
  expect(refused).toMatchObject({
    ok: false,
    message: expect.stringMatching(/answered 403: bad key \*\*\*$/),
  });
  const { readdirSync } = await import('node:fs');
  expect(readdirSync(state)).toEqual([]);
});
