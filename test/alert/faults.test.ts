import { expect, it } from 'vitest';
import { hang, receiver, reset, status } from './channels/receiver.js';
import { NOON, setup } from './support.js';

const rules = (url: string, timeoutMs = 10_000): string => `
defaults: false
channels: { ops: { type: webhook, url: '${url}', timeoutMs: ${timeoutMs} } }
rules: [{ name: Load, metric: load, statistic: last, window: 30s, above: 70, groupBy: [agent], repeatInterval: 1h }]
`;

const slow = (...args: Parameters<ReturnType<typeof status>>): void => {
  setTimeout(() => status(200, 'ok')(...args), 100);
};

it.each([
  ['429 with Retry-After', status(429, '', { 'Retry-After': '7' }), 7000],
  ['500', status(500), 500],
  ['503 with Retry-After', status(503, '', { 'Retry-After': '120' }), 120_000],
  ['a server that hangs', hang, 500],
  ['a connection that is reset', reset, 500],
])(
  '%s: the alert arrives all the same, once, with the same id, and not too soon',
  async (_, fault, leastMs) => {
    let answer = fault;
    const { url, received } = await receiver((...args) => answer(...args));
    const { open, emit, clock, events } = await setup(rules(url, fault === hang ? 1000 : undefined), {
      channels: undefined,
    });
    const alerter = await open();
    emit({ value: 71 });
    expect(await alerter.round()).toBe(false);
    expect(received).toHaveLength(1);
    const [failed] = events.filter((event) => event.type === 'failed');
    expect(failed!.retryMs).toBeGreaterThanOrEqual(leastMs);
    answer = status(200, 'ok');
    clock.now += failed!.retryMs - 1;
    await alerter.round();
    expect(received).toHaveLength(1);
    clock.now += 1;
    expect(await alerter.round()).toBe(true);
    clock.now += 60_000;
    await alerter.round();
    expect(received).toHaveLength(2);
    const sent = events.filter((event) => event.type === 'sent');
    expect(sent.map(({ id }) => id)).toEqual([failed!.id]);
  },
);

it('a slow server gets the alert once', async () => {
  const { url, received } = await receiver(slow);
  const { open, emit } = await setup(rules(url), { channels: undefined });
  const alerter = await open();
  emit({ value: 71 });
  expect(await alerter.round()).toBe(true);
  expect(await alerter.round()).toBe(true);
  expect(received).toHaveLength(1);
});

it('a 404 is final and said', async () => {
  const { url, received } = await receiver(status(404, 'no_service'));
  const { open, emit, clock, events } = await setup(rules(url), { channels: undefined });
  const alerter = await open();
  emit({ value: 71 });
  await alerter.round();
  clock.now += 60_000;
  await alerter.round();
  expect(received).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'refused')).toHaveLength(1);
});

it('a server that is down for ten minutes hears of everything afterwards, whoever restarts meanwhile', async () => {
  const { url, received, server } = await receiver();
  const { port } = new URL(url);
  server.close();
  const { open, emit, clock } = await setup(rules(url), { channels: undefined });
  for (let i = 0; i < 20; i += 1) {
    clock.now = NOON + i * 30_000;
    const alerter = await open();
    emit({ agent: `agent-${i}`, value: 71 });
    emit({ agent: `agent-${i - 2}`, value: i % 2 === 0 ? 1 : 75 });
    await alerter.round();
    await alerter.close();
  }
  expect(received).toEqual([]);
  server.listen(Number(port), '127.0.0.1');
  clock.now += 120_000;
  const alerter = await open();
  expect(await alerter.round()).toBe(true);
  const agents = received.flatMap(({ body }) =>
    JSON.parse(body).alerts.map((alert: { labels: { agent: string } }) => alert.labels.agent),
  );
  const expected = Array.from({ length: 20 }, (_, i) => `agent-${i}`);
  expect(expected.filter((agent) => !agents.includes(agent))).toEqual([]);
  expect(new Set(agents).size).toBe(agents.length);
});
