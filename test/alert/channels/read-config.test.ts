import { describe, expect, it } from 'vitest';
import type { ChannelConfig } from '../../../src/alert/channels/config.js';
import { createChannel } from '../../../src/alert/channels/create.js';
import { readChannelConfig } from '../../../src/alert/channels/read-config.js';
import { context } from './alerts.js';

function problems(config: unknown): string[] {
  const found: string[] = [];
  const read = readChannelConfig(config, (path, message) => found.push(`${path.join('.')}: ${message}`));
  expect(read === undefined).toBe(found.length > 0);
  return found;
}

describe('the settings of a channel', () => {
  it.each([
    { type: 'console' },
    { type: 'file' },
    { type: 'file', path: '/var/log/alerts.log', maxBytes: 1024 },
    { type: 'webhook', url: 'https://a/b' },
    {
      type: 'webhook',
      url: { env: 'URL' },
      secret: { file: '/run/key' },
      headers: { 'X-Key': { env: 'KEY' } },
    },
    {
      type: 'slack',
      url: { env: 'SLACK_URL' },
      title: '{{ title }}',
      text: '{{ labels.agent }}',
      timeoutMs: 100,
    },
    {
      type: 'pagerduty',
      routingKey: { env: 'KEY' },
      source: 'a',
      summary: '{{ total }}',
      url: { env: 'URL' },
    },
    { type: 'alertmanager', urls: ['http://a:9093', { env: 'B' }], resendMs: 1000 },
  ])('are good, without a look at secrets: %j', (config) => {
    expect(problems(config)).toEqual([]);
  });

  it.each<[unknown, string]>([
    [undefined, ': must be a mapping with a type'],
    [['console'], ': must be a mapping with a type'],
    [{}, 'type: must be one of console, file, webhook, slack, pagerduty, alertmanager, got undefined'],
    [
      { type: 'mail' },
      'type: must be one of console, file, webhook, slack, pagerduty, alertmanager, got "mail"',
    ],
    [{ type: 'console', colour: true }, 'colour: is unknown: a console channel has type'],
    [{ type: 'file', path: '' }, 'path: must be a text, got ""'],
    [{ type: 'file', maxBytes: 10 }, 'maxBytes: must be a whole number of at least 1024, got 10'],
    [{ type: 'slack' }, 'url: is missing: a slack channel needs it'],
    [{ type: 'slack', url: 'hooks.slack.com' }, 'url: must be an http or https URL'],
    [{ type: 'slack', url: 'file:///etc/passwd' }, 'url: must be an http or https URL'],
    [{ type: 'slack', url: { env: '' } }, 'url: must be {env: NAME}, {file: PATH} or a text'],
    [
      { type: 'slack', url: 'http://a', timeoutMs: 10_001 },
      'timeoutMs: must be a whole number from 100 to 10000, got 10001',
    ],
    [
      { type: 'slack', url: 'http://a', title: '{{ labels.agent }}' },
      'title: has {{ labels.agent }}, and there are title',
    ],
    [{ type: 'slack', url: 'http://a', text: '{{ value' }, 'text: has {{ without }}'],
    [{ type: 'slack', url: 'http://a', text: 5 }, 'text: must be a text of at most 4096 characters'],
    [{ type: 'pagerduty' }, 'routingKey: is missing: a pagerduty channel needs it'],
    [{ type: 'alertmanager', urls: [] }, 'urls: must be a list of 1 to 10 URLs'],
    [{ type: 'alertmanager', urls: ['http://a', 'b'] }, 'urls.1: must be an http or https URL'],
    [
      { type: 'webhook', url: 'http://a', headers: { 'a b': 'x' } },
      'headers: has "a b", which is no name of a header',
    ],
    [{ type: 'webhook', url: 'http://a', headers: { Host: 'x' } }, 'headers.Host: cannot be set'],
    [{ type: 'webhook', url: 'http://a', headers: 'x' }, 'headers: must be a mapping of names to texts'],
  ])('%j: %s', (config, problem) => {
    expect(problems(config)).toEqual([expect.stringContaining(problem)]);
  });

  it('are all looked at', () => {
    expect(problems({ type: 'webhook', secret: 5, more: 1, timeoutMs: 0 })).toHaveLength(4);
  });

  it('that are wrong throw where a channel is made, with their name', () => {
    const config = { type: 'alertmanager', urls: ['http://a', 'b'] } as ChannelConfig;
    expect(() => createChannel('am', config, context())).toThrow(
      expect.objectContaining({
        code: 'ERR_METRICS_OPTION',
        message: 'channels.am.urls[1] must be an http or https URL',
      }) as Error,
    );
  });
});
