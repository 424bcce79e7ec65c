import { describe, expect, it } from 'vitest';
import type { AlertmanagerChannelConfig } from '../../../src/alert/channels/config.js';
import { createChannel } from '../../../src/alert/channels/create.js';
import { alert, context, notification, NOW, resolved, START, unhurried } from './alerts.js';
import { hang, receiver, reset, status } from './receiver.js';

function channel(urls: string[], config: Partial<AlertmanagerChannelConfig> = {}, externalUrl?: string) {
  return createChannel('am', { type: 'alertmanager', urls, ...config }, context({ externalUrl }));
}

async function sent(given = notification(), config: Partial<AlertmanagerChannelConfig> = {}) {
  const { url, received } = await receiver();
  expect(await channel([url], config).send(given, unhurried())).toEqual({ outcome: 'sent' });
  return { request: received[0]!, alerts: JSON.parse(received[0]!.body) };
}

describe('an Alertmanager gets', () => {
  it('alerts that end after four intervals unless they are sent again', async () => {
    const { request, alerts } = await sent();
    expect(request).toMatchObject({ method: 'POST', path: '/api/v2/alerts' });
    expect(request.headers['content-type']).toBe('application/json');
    expect(alerts).toEqual([
      {
        labels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: '7' },
        annotations: { summary: 'Coordination time elevated', description: 'avg over 10 s' },
        startsAt: '2026-11-22T01:00:00.000Z',
        endsAt: new Date(NOW + 240_000).toISOString(),
      },
    ]);
    const { alerts: sooner } = await sent(notification(), { resendMs: 5000 });
    expect(sooner[0].endsAt).toBe(new Date(NOW + 20_000).toISOString());
  });

  it('what resolved whole, with when it did', async () => {
    const { alerts } = await sent(notification({ alerts: [resolved()] }));
    expect(alerts).toEqual([
      {
        labels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: '7' },
        annotations: { summary: 'Coordination time elevated', description: 'avg over 10 s' },
        startsAt: '2026-11-22T01:00:00.000Z',
        endsAt: '2026-11-22T01:01:05.000Z',
      },
    ]);
  });

  it.each([
    ['began and ended', NOW + 3_600_000, NOW + 3_700_000, 0, 0],
    ['ended', START, NOW + 3_600_000, START - NOW, 0],
    ['began', NOW + 3_600_000, NOW - 1000, -1000, -1000],
    ['began and goes on', NOW + 3_600_000, null, 0, 240_000],
  ])(
    'no time that is the future since the clock was set back: it %s then',
    async (_, startsAt, endsAt, from, to) => {
      const given = endsAt === null ? alert({ startsAt }) : resolved({ startsAt, endsAt });
      const { alerts } = await sent(notification({ alerts: [given] }));
      expect([alerts[0].startsAt, alerts[0].endsAt].map((time) => Date.parse(time) - NOW)).toEqual([
        from,
        to,
      ]);
    },
  );

  it('names that it takes, with both values of names that become the same, and no empty value', async () => {
    const labels = {
      'service.name': 'a',
      service_name: 'b',
      '0': 'zero',
      '': 'nameless',
      'é-☃': 'x',
      empty: '',
      bad: '\ud800',
    };
    const { alerts } = await sent(
      notification({ alerts: [alert({ labels, annotations: { 'a.b': '1', none: '' } })] }),
    );
    expect(alerts[0].labels).toEqual({
      alertname: 'CoordinationTimeElevated',
      service_name: 'a;b',
      _0: 'zero',
      _: 'nameless',
      ___: 'x',
      bad: '\ufffd',
    });
    expect(alerts[0].annotations).toEqual({ a_b: '1' });
  });

  it('a link and headers, under a prefix too', async () => {
    const { url, received } = await receiver();
    const config = { headers: { authorization: 'Bearer abc' } };
    await channel([`${url}/alertmanager/`], config, 'http://portal').send(notification(), unhurried());
    expect(received[0]).toMatchObject({ path: '/alertmanager/api/v2/alerts', headers: config.headers });
    expect(JSON.parse(received[0]!.body)[0].generatorURL).toBe('http://portal');
  });
});

it('says how often it has to be sent again', () => {
  expect(channel(['http://a']).resendMs).toBe(60_000);
  expect(channel(['http://a'], { resendMs: 1000 }).resendMs).toBe(1000);
});

describe('of several', () => {
  it('every one gets the same, and one that takes it is enough', async () => {
    const good = await receiver();
    const others = [
      await receiver(hang),
      await receiver(reset),
      await receiver(status(400)),
      await receiver(status(500)),
    ];
    const all = [good, ...others];
    const urls = all.map(({ url }) => url);
    expect(await channel(urls, { timeoutMs: 1000 }).send(notification(), unhurried())).toEqual({
      outcome: 'sent',
    });
    for (const { received } of all) expect(received[0]?.body).toBe(good.received[0]?.body);
  });

  it('none that took it means to try again, where one of them may take it', async () => {
    const refusing = await receiver(status(400, 'bad'));
    const limited = await receiver(status(503, '', { 'retry-after': '9' }));
    expect(await channel([refusing.url, limited.url]).send(notification(), unhurried())).toEqual({
      outcome: 'retry',
      reason: `${refusing.url} answered 400: bad; ${limited.url} answered 503`,
      retryAfterMs: 9000,
    });
    const failing = await receiver(status(500));
    expect(await channel([failing.url, limited.url]).send(notification(), unhurried())).toEqual({
      outcome: 'retry',
      reason: `${failing.url} answered 500; ${limited.url} answered 503`,
    });
    expect(await channel([refusing.url]).send(notification(), unhurried())).toMatchObject({
      outcome: 'refused',
    });
  });
});
