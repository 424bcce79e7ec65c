import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { PagerDutyChannelConfig } from '../../../src/alert/channels/config.js';
import { createChannel } from '../../../src/alert/channels/create.js';
import { agents, alert, context, notification, resolved, unhurried } from './alerts.js';
import { type Answer, receiver, status } from './receiver.js';

const KEY = 'R0123456789abcdef0123456789abcde';
const accepted = status(202, '{"status":"success","message":"Event processed","dedup_key":"x"}');

async function attempt(
  given = notification(),
  config: Partial<PagerDutyChannelConfig> = {},
  answer: Answer = accepted,
  externalUrl?: string,
) {
  const { url, received } = await receiver(answer);
  const settings = {
    type: 'pagerduty',
    url: `${url}/v2/enqueue`,
    routingKey: KEY,
    source: 'host-1',
  } as const;
  const channel = createChannel('ops', { ...settings, ...config }, context({ externalUrl }));
  const delivery = await channel.send(given, unhurried());
  return { delivery, url, request: received[0]!, event: JSON.parse(received[0]!.body) };
}

describe('PagerDuty gets', () => {
  it('a trigger', async () => {
    const annotations = { ...alert().annotations, runbook_url: 'https://runbooks/coordination' };
    const given = notification({ alerts: [alert({ annotations })] });
    const { delivery, request, event } = await attempt(given, {}, accepted, 'https://portal');
    expect(delivery).toEqual({ outcome: 'sent' });
    expect(request.path).toBe('/v2/enqueue');
    expect(event).toEqual({
      routing_key: KEY,
      event_action: 'trigger',
      dedup_key: expect.stringMatching(/^[0-9a-f]{64}$/),
      client: 'cfn-metrics',
      client_url: 'https://portal',
      payload: {
        summary: 'Coordination time elevated',
        source: 'host-1',
        severity: 'critical',
        timestamp: '2026-11-22T01:00:00.000Z',
        group: 'alertname=CoordinationTimeElevated',
        class: 'CoordinationTimeElevated',
        custom_details: {
          num_firing: '1',
          num_resolved: '0',
          firing:
            'firing critical: Coordination time elevated (CoordinationTimeElevated), agent=7, 12300 (limit 10000), since 2026-11-22T01:00:00Z: avg over 10 s',
          resolved: '',
        },
      },
      links: [{ href: 'https://runbooks/coordination', text: 'runbook_url' }],
    });
  });

  it('a resolve of the same incident, whole', async () => {
    const { event: trigger } = await attempt();
    const { event } = await attempt(notification({ alerts: [resolved()] }));
    expect(event.event_action).toBe('resolve');
    expect(event.dedup_key).toBe(trigger.dedup_key);
    expect(event.payload.summary).toBe(trigger.payload.summary);
    expect(event.payload.custom_details).toMatchObject({ num_firing: '0', num_resolved: '1', firing: '' });
    expect(event.payload.custom_details.resolved).toContain('800 (limit 10000), after 1m 5s');
  });

  it('no resolve while one of the group fires', async () => {
    const { event } = await attempt(notification({ alerts: [alert(), resolved({ fingerprint: 'b' })] }));
    expect(event.event_action).toBe('trigger');
    expect(event.payload.custom_details).toMatchObject({ num_firing: '1', num_resolved: '1' });
  });

  it('another incident for another group and another source, the host where none is named', async () => {
    const keys = new Set<string>();
    keys.add((await attempt()).event.dedup_key);
    keys.add((await attempt(notification({ groupKey: 'other' }))).event.dedup_key);
    keys.add((await attempt(notification(), { source: 'host-2' })).event.dedup_key);
    const unnamed = (await attempt(notification(), { source: undefined })).event;
    keys.add(unnamed.dedup_key);
    expect(unnamed.payload.source).toBe(hostname());
    expect(keys.size).toBe(4);
  });

  it.each(['critical', 'warning', 'info'] as const)('%s as what it is', async (severity) => {
    const { event } = await attempt(notification({ alerts: [alert({ severity })], severity }));
    expect(event.payload.severity).toBe(severity);
  });

  it('a title by template, and never an empty one', async () => {
    const given = notification({ alerts: agents(100), total: 137 });
    expect((await attempt(given)).event.payload.summary).toBe('CoordinationTimeElevated: 137 agents');
    const summary = '{{ firing }} of {{ groupLabels.alertname }}, {{ severity }}{{ groupLabels.x }}';
    const { event } = await attempt(given, { summary });
    expect(event.payload.summary).toBe('137 of CoordinationTimeElevated, critical');
    expect(event.payload.custom_details.not_listed).toBe('37');
    const empty = await attempt(given, { summary: '{{ groupLabels.x }}' });
    expect(empty.event.payload.summary).toBe('CoordinationTimeElevated: 137 agents');
  });

  it('no event over its limits, however long the texts are', async () => {
    const long = `\u0001\ud800☃`.repeat(30_000);
    const annotations = Object.fromEntries(
      Array.from({ length: 50 }, (_, at) => [`${long}${at}`, `https://a/${at}${'x'.repeat(900)}`]),
    );
    const both = [alert, resolved].flatMap((one) =>
      Array.from({ length: 50 }, (_, at) =>
        one({
          rule: `${long}${at}`,
          labels: { [long]: long },
          annotations: { ...annotations, summary: long },
        }),
      ),
    );
    const given = notification({ alerts: both, groupKey: long, groupLabels: { a: long } });
    const { delivery, request, event } = await attempt(given, {
      summary: '{{ title }}{{ title }}{{ groupKey }}',
    });
    expect(delivery).toEqual({ outcome: 'sent' });
    expect(Buffer.byteLength(request.body)).toBeLessThan(512_000);
    expect(event.payload.summary.length).toBeLessThanOrEqual(1024);
    expect(event.dedup_key.length).toBeLessThanOrEqual(255);
  });
});

describe('PagerDuty answers', () => {
  it('400, which is final', async () => {
    const invalid = '{"status":"invalid event","message":"Event object is invalid","errors":["routing_key"]}';
    const { delivery, url } = await attempt(notification(), {}, status(400, invalid));
    expect(delivery).toEqual({ outcome: 'refused', reason: `${url} answered 400: ${invalid}` });
  });

  it('429 without saying how long to wait: 30 s; or saying it', async () => {
    const { delivery } = await attempt(notification(), {}, status(429, 'limited'));
    expect(delivery).toMatchObject({ outcome: 'retry', retryAfterMs: 30_000 });
    const said = await attempt(notification(), {}, status(429, 'limited', { 'retry-after': '5' }));
    expect(said.delivery).toMatchObject({ outcome: 'retry', retryAfterMs: 5000 });
  });

  it('500, which passes', async () => {
    const { delivery, url } = await attempt(notification(), {}, status(500));
    expect(delivery).toEqual({ outcome: 'retry', reason: `${url} answered 500` });
  });
});
