import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Channel } from '../../../src/alert/channel.js';
import type { ChannelConfig } from '../../../src/alert/channels/config.js';
import { createChannel } from '../../../src/alert/channels/create.js';
import { mask, withoutTornSecret } from '../../../src/alert/channels/secret.js';
import { temporaryDirectory } from '../../support/directory.js';
import { context, notification, unhurried } from './alerts.js';
import { type Answer, hang, receiver, reset } from './receiver.js';

const CANARY = 'CANARY-5b1e7f90aa';
// none is part of another
const ROUTING = 'CANARY.ROUTING.77aa01';
const HEADER = 'CANARY.HEADER.31c9';
const PASSWORD = 'CANARY.PASS';

function webhook(url: string | { env: string } | { file: string }, env: Record<string, string> = {}) {
  return createChannel('ops', { type: 'webhook', url }, context({ env }));
}

describe('a secret', () => {
  it('comes from the environment or a file, without the newline at its end', async () => {
    const { url, received } = await receiver();
    const path = join(temporaryDirectory(), 'url');
    writeFileSync(path, `${url}/from-file\n`);
    await webhook({ env: 'HOOK' }, { HOOK: `${url}/from-env` }).send(notification(), unhurried());
    await webhook({ file: path }).send(notification(), unhurried());
    expect(received.map((request) => request.path)).toEqual(['/from-env', '/from-file']);
  });

  it('is read anew for each sending: Kubernetes replaces a link', async () => {
    const { url, received } = await receiver();
    const directory = temporaryDirectory();
    for (const name of ['one', 'two']) writeFileSync(join(directory, name), `${url}/${name}`);
    const path = join(directory, 'url');
    symlinkSync('one', path);
    const channel = webhook({ file: path });
    await channel.send(notification(), unhurried());
    symlinkSync('two', `${path}.new`);
    renameSync(`${path}.new`, path);
    await channel.send(notification(), unhurried());
    expect(received.map((request) => request.path)).toEqual(['/one', '/two']);
  });

  it('that is gone for a while makes the alert wait, and says which file', async () => {
    const { url, received } = await receiver();
    const path = join(temporaryDirectory(), 'url');
    writeFileSync(path, url);
    const channel = webhook({ file: path });
    renameSync(path, `${path}.old`);
    expect(await channel.send(notification(), unhurried())).toEqual({
      outcome: 'retry',
      reason: `channels.ops.url: file ${path} cannot be read: ENOENT`,
    });
    renameSync(`${path}.old`, path);
    expect(await channel.send(notification(), unhurried())).toEqual({ outcome: 'sent' });
    expect(received).toHaveLength(1);
  });

  it('that is missing or none is found at the start, by the name of its place', () => {
    const directory = temporaryDirectory();
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text);
      return { file: join(directory, name) };
    };
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    mkdirSync(join(directory, 'directory'));
    const cases: [string | { env: string } | { file: string }, string][] = [
      [{ env: 'HOOK_URL' }, 'channels.ops.url: environment variable HOOK_URL is not set'],
      [{ env: 'EMPTY' }, 'channels.ops.url: environment variable EMPTY is empty'],
      [{ file: '/no/such' }, 'channels.ops.url: file /no/such cannot be read: ENOENT'],
      [file('empty', '\n'), `channels.ops.url: file ${directory}/empty is empty`],
      [
        file('large', 'x'.repeat(65_537)),
        `channels.ops.url: file ${directory}/large is larger than 65536 bytes`,
      ],
      [
        file('two', `http://a/${CANARY}\nhttp://b`),
        `channels.ops.url: file ${directory}/two has more than one line`,
      ],
      [{ file: fifo }, `channels.ops.url: file ${fifo} is not a regular file`],
      [
        { file: join(directory, 'directory') },
        `channels.ops.url: file ${directory}/directory is not a regular file`,
      ],
      [{ env: 'NO_URL' }, 'channels.ops.url must be an http or https URL'],
      [{ env: 'FTP' }, 'channels.ops.url must be an http or https URL'],
    ];
    const env = { EMPTY: ' ', NO_URL: CANARY, FTP: `ftp://host/${CANARY}` };
    for (const [url, message] of cases) {
      expect(() => webhook(url, env)).toThrow(
        expect.objectContaining({ code: 'ERR_METRICS_OPTION', message }) as Error,
      );
    }
  });
});

it('of a text all secrets are taken out, the longest first, each as often as it is there', () => {
  expect(mask('abc abcdef abc', ['', 'abc', 'abcdef'])).toBe('*** *** ***');
  expect(withoutTornSecret('says abcde', ['abc', 'abcdef', 'e'])).toBe('says ');
  expect(withoutTornSecret('says abcdef', ['abcdef'])).toBe('says abcdef');
});

describe('no failure shows a secret', () => {
  const kinds: [string, (url: string) => ChannelConfig][] = [
    ['webhook', (url) => ({ type: 'webhook', url, secret: `K-${CANARY}`, headers: { 'x-key': HEADER } })],
    ['slack', (url) => ({ type: 'slack', url })],
    ['pagerduty', (url) => ({ type: 'pagerduty', url, routingKey: ROUTING })],
    [
      'alertmanager',
      (url) => ({ type: 'alertmanager', urls: [url], headers: { Authorization: `Bearer ${HEADER}` } }),
    ],
  ];
  const echo: Answer = (response, { url = '', headers }, body) => {
    // the parts in turn, for only the beginning is shown
    const parts = [body, decodeURIComponent(url), url, headers.authorization, headers['x-key']];
    response.writeHead(400).end(parts.map((part) => part?.slice(0, 80)).join(' '));
  };
  const answers: [string, Answer][] = [
    ['the request sent back', echo],
    ['a redirect to it', (response, { url }) => response.writeHead(302, { location: `//x/${url}` }).end(url)],
    ['500', (response, { url }) => response.writeHead(500).end(`at ${url}`)],
    ['a hang', hang],
    ['a reset', reset],
  ];

  it.each(
    kinds.flatMap(([kind, config]) => answers.map(([what, answer]) => ({ kind, config, what, answer }))),
  )('$kind, $what', async ({ config, answer }) => {
    const { url, received } = await receiver(answer);
    const secretUrl = `${url.replace('//', `//user:${PASSWORD}@`)}/p-${CANARY}/%2B${CANARY}?token=${CANARY}`;
    const channel: Channel = createChannel(
      'ops',
      { ...config(secretUrl), timeoutMs: answer === hang ? 1000 : 10_000 } as ChannelConfig,
      context(),
    );
    const delivery = await channel.send(notification(), unhurried());
    expect(received.length).toBe(1);
    expect(received[0]?.headers.authorization).toBeDefined();
    expect(delivery.outcome).not.toBe('sent');
    const said = JSON.stringify(delivery);
    expect(said).toContain(url);
    expect(said).not.toContain('CANARY');
    expect(said).not.toContain(Buffer.from(`user:${PASSWORD}`).toString('base64'));
  });

  it('nor do settings that cannot be', () => {
    const bad: unknown[] = [
      { type: 'webhook', url: `gopher://${CANARY}` },
      { type: 'webhook', url: [CANARY] },
      { type: 'webhook', url: { env: 'X', file: CANARY } },
      { type: 'webhook', url: { value: CANARY } },
      { type: 'webhook', url: 'http://a', secret: { text: CANARY } },
      { type: 'webhook', url: 'http://a', headers: { 'x-key': `${CANARY}\nx` } },
      { type: 'webhook', url: 'http://a', headers: { 'x-key': `${CANARY}☃` } },
      { type: 'webhook', url: 'http://a', headers: { 'x-key': [CANARY] } },
      { type: 'pagerduty', routingKey: { env: 'X', more: CANARY } },
      { type: 'alertmanager', urls: [`ldap://${CANARY}`] },
      { type: 'alertmanager', urls: `http://${CANARY}` },
    ];
    for (const config of bad) {
      let message = '';
      try {
        createChannel('ops', config as ChannelConfig, context());
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(/^MetricsError: channels\.ops\./);
      expect(message).not.toContain('CANARY');
    }
  });
});
