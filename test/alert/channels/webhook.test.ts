import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { WebhookChannelConfig } from '../../../src/alert/channels/config.js';
import { createChannel } from '../../../src/alert/channels/create.js';
import { agents, alert, context, notification, NOW, resolved, START, unhurried } from './alerts.js';
import { receiver } from './receiver.js';

async function sent(
  given = notification(),
  config: Partial<WebhookChannelConfig> = {},
  externalUrl?: string,
) {
  const { url, received } = await receiver();
  const channel = createChannel('team', { type: 'webhook', url, ...config }, context({ externalUrl }));
  expect(await channel.send(given, unhurried())).toEqual({ outcome: 'sent' });
  return received[0]!;
}

describe('a webhook gets what an Alertmanager would post', () => {
  it('of an alert that fires', async () => {
    const { body, headers } = await sent(notification(), {}, 'http://localhost:3001');
    expect(JSON.parse(body)).toEqual({
      version: '4',
      groupKey: '{alertname="CoordinationTimeElevated"}',
      truncatedAlerts: 0,
      status: 'firing',
      receiver: 'team',
      groupLabels: { alertname: 'CoordinationTimeElevated' },
      commonLabels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: '7' },
      commonAnnotations: { summary: 'Coordination time elevated', description: 'avg over 10 s' },
      externalURL: 'http://localhost:3001',
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: '7' },
          annotations: { summary: 'Coordination time elevated', description: 'avg over 10 s' },
          startsAt: '2026-11-22T01:00:00.000Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: 'http://localhost:3001',
          fingerprint: '3f1c9a52d87b0e64',
        },
      ],
    });
    expect(headers['webhook-id']).toBe('n-0001');
    expect(headers['webhook-signature']).toBeUndefined();
  });

  it('of one that resolved, and of a group of many', async () => {
    const over = JSON.parse((await sent(notification({ alerts: [resolved()] }))).body);
    expect(over).toMatchObject({
      status: 'resolved',
      externalURL: '',
      alerts: [{ status: 'resolved', endsAt: '2026-11-22T01:01:05.000Z', generatorURL: '' }],
    });
    const many = JSON.parse((await sent(notification({ alerts: agents(100), total: 137 }))).body);
    expect(many.alerts).toHaveLength(100);
    expect(many.truncatedAlerts).toBe(37);
    expect(many.commonLabels).toEqual({ alertname: 'CoordinationTimeElevated', severity: 'critical' });
  });

  it('with the headers of the config', async () => {
    const { headers } = await sent(notification(), { headers: { Authorization: 'Bearer abc' } });
    expect(headers).toMatchObject({ authorization: 'Bearer abc', 'content-type': 'application/json' });
  });

  it('whatever strangers write into labels', async () => {
    const labels = { alertname: 'a"b\\c\n\u0000', agent: '\ud800<&>', __proto__x: '1', 'a.b': '☃' };
    const { body } = await sent(notification({ alerts: [alert({ labels })] }));
    expect(JSON.parse(body).alerts[0].labels).toMatchObject({ 'a.b': '☃', alertname: 'a"b\\c\n\u0000' });
  });
});

describe('the signature', () => {
  const time = String(Math.floor(NOW / 1000));

  it.each([
    ['any text', 'my secret', Buffer.from('my secret')],
    [
      'whsec_ and base64',
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'),
    ],
  ])('is HMAC-SHA256 over id, time and body, keyed with %s', async (_what, secret, key) => {
    const { body, headers } = await sent(notification(), { secret });
    const expected = createHmac('sha256', key).update(`n-0001.${time}.${body}`).digest('base64');
    expect(headers).toMatchObject({
      'webhook-id': 'n-0001',
      'webhook-timestamp': time,
      'webhook-signature': `v1,${expected}`,
    });
  });

  it('has an id that a header can carry, the same each time', async () => {
    const ids = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { headers } = await sent(notification({ id: `group ☃ ${START}` }), { secret: 's' });
      ids.push(headers['webhook-id']);
    }
    expect(ids[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(ids[1]).toBe(ids[0]);
  });
});
