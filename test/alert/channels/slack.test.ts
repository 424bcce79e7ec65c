import { describe, expect, it } from 'vitest';
import type { SlackChannelConfig } from '../../../src/alert/channels/config.js';
import { createChannel } from '../../../src/alert/channels/create.js';
import { agents, alert, context, notification, resolved, START, unhurried } from './alerts.js';
import { receiver, status } from './receiver.js';

async function sent(given = notification(), config: Partial<SlackChannelConfig> = {}, externalUrl?: string) {
  const { url, received } = await receiver();
  const channel = createChannel('ops', { type: 'slack', url, ...config }, context({ externalUrl }));
  expect(await channel.send(given, unhurried())).toEqual({ outcome: 'sent' });
  return JSON.parse(received[0]!.body);
}

const SINCE = `<!date^${START / 1000}^{date_short_pretty} {time_secs}|2026-11-22T01:00:00.000Z>`;

describe('Slack gets', () => {
  it('a first line and the alert beside a bar in the colour of the severity', async () => {
    const text = '[FIRING:1] Coordination time elevated (critical)';
    expect(await sent()).toEqual({
      text,
      attachments: [
        {
          color: 'danger',
          fallback: text,
          blocks: [
            {
              type: 'section',
              text: {
                type: 'mrkdwn',
                verbatim: true,
                text: `*Coordination time elevated* (critical)\navg over 10 s\nagent=7\n12300 (limit 10000)\nsince ${SINCE}`,
              },
            },
          ],
        },
      ],
    });
  });

  it('what resolved in green, with how long it took', async () => {
    const message = await sent(notification({ alerts: [resolved()] }), {}, 'https://portal/?a=1&b=2');
    expect(message.text).toBe('<https://portal/?a=1&amp;b=2|[RESOLVED:1] Coordination time elevated>');
    expect(message.attachments[0].color).toBe('good');
    expect(message.attachments[0].blocks[0].text.text).toBe(
      `*Coordination time elevated* (resolved)\navg over 10 s\nagent=7\n800 (limit 10000)\nsince ${SINCE}, resolved after 1m 5s`,
    );
  });

  it.each([
    ['critical', 'danger'],
    ['warning', 'warning'],
    ['info', '#439FE0'],
  ] as const)('%s in the colour %s', async (severity, color) => {
    const message = await sent(notification({ alerts: [alert({ severity })], severity }));
    expect(message.attachments[0].color).toBe(color);
  });

  it('one message of 137 agents that names ten and says what was held back', async () => {
    const message = await sent(notification({ alerts: agents(100), total: 137, heldBack: 3 }));
    expect(message.text).toBe('[FIRING:137] CoordinationTimeElevated: 137 agents (critical)');
    const { blocks } = message.attachments[0];
    expect(blocks.map(({ type }: { type: string }) => type)).toEqual([
      ...Array<string>(10).fill('section'),
      'context',
    ]);
    expect(blocks[10].elements[0].text).toBe('and 127 more; 3 notifications were held back before this one');
  });

  it('how many of a mixed group fire', async () => {
    const message = await sent(notification({ alerts: [alert(), resolved({ fingerprint: 'b' })] }));
    expect(message.text).toBe('[FIRING:1] CoordinationTimeElevated: 2 alerts (critical)');
  });

  it('no mention and no link that a stranger wrote', async () => {
    const evil = '<!channel> <https://evil|click> & </script>';
    const labels = { agent: evil };
    const annotations = { summary: evil, description: evil };
    const message = await sent(notification({ alerts: [alert({ rule: evil, labels, annotations })] }));
    const all = JSON.stringify(message).replaceAll(SINCE, '');
    expect(all).not.toMatch(/<[!h/]/);
    expect(all).toContain('&lt;!channel&gt; &lt;https://evil|click&gt; &amp; &lt;/script&gt;');
  });

  it('what templates say, with values escaped and missing ones empty', async () => {
    const config = {
      title: '<!here> {{ title }} [{{ commonLabels.region }}]',
      text: '{{ labels.agent }} at {{ value }} since {{ startsAt }}{{ labels.nothing }}',
    };
    const message = await sent(notification({ alerts: [alert({ labels: { agent: '<7>' } })] }), config);
    expect(message.text).toBe('<!here> Coordination time elevated []');
    expect(message.attachments[0].blocks[0].text.text).toBe(
      '&lt;7&gt; at 12300 since 2026-11-22T01:00:00.000Z',
    );
  });

  it('the name of the rule where a template leaves nothing, since Slack refuses empty sections', async () => {
    const message = await sent(notification(), { text: '{{ labels.nothing }}' });
    expect(message.attachments[0].blocks[0].text.text).toBe('CoordinationTimeElevated');
  });

  it('no message over its limits, however long the texts are', async () => {
    const long = '&<😀'.repeat(20_000);
    const alerts = agents(100).map((one) => ({
      ...one,
      rule: long,
      labels: { ...one.labels, more: long },
      annotations: { summary: long, description: long },
    }));
    const templates = [{}, { title: '{{ title }}{{ title }}', text: '{{ annotations.summary }}&lt;' }];
    for (const config of templates) {
      const message = await sent(notification({ alerts, total: 500 }), config);
      const { blocks } = message.attachments[0];
      expect(blocks.length).toBeLessThanOrEqual(50);
      const texts: string[] = blocks.map((block: { text?: { text: string } }) => block.text?.text ?? '');
      for (const text of [...texts, message.text]) {
        expect(text.length).toBeLessThanOrEqual(1100);
        expect(text.isWellFormed()).toBe(true);
        expect(text.replaceAll(SINCE, '')).not.toMatch(/&(?!amp;|lt;|gt;)/);
      }
      expect(texts.join('').length + message.text.length).toBeLessThan(13_000);
    }
  });
});

it('Slack may ask to wait', async () => {
  const { url } = await receiver(
    status(429, '{"retry_after":30,"ok":false,"error":"rate_limited"}', { 'retry-after': '30' }),
  );
  const channel = createChannel('ops', { type: 'slack', url }, context());
  expect(await channel.send(notification(), unhurried())).toEqual({
    outcome: 'retry',
    reason: `${url} answered 429: {"retry_after":30,"ok":false,"error":"rate_limited"}`,
    retryAfterMs: 30_000,
  });
});

it('what Slack refuses is final', async () => {
  const { url } = await receiver(status(404, 'no_service'));
  const channel = createChannel('ops', { type: 'slack', url }, context());
  expect(await channel.send(notification(), unhurried())).toEqual({
    outcome: 'refused',
    reason: `${url} answered 404: no_service`,
  });
});
