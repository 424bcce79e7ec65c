import { expect, it } from 'vitest';
import { createChannel } from '../../../src/alert/channels/create.js';
import { agents, alert, context, notification, resolved, unhurried } from './alerts.js';

function output(colour?: boolean) {
  const written: string[] = [];
  const write = async (text: string) => void written.push(text);
  const channel = createChannel('out', { type: 'console' }, context({ write, colour }));
  return { channel, text: () => written.join('') };
}

const TIME = '2026-11-22T01:01:30.000Z';
const FIRING =
  'firing critical: Coordination time elevated (CoordinationTimeElevated), agent=7, 12300 (limit 10000), since 2026-11-22T01:00:00Z';

it('writes a line an alert', async () => {
  const { channel, text } = output();
  await channel.send(notification(), unhurried());
  await channel.send(notification({ alerts: [resolved()] }), unhurried());
  expect(text()).toBe(
    `${TIME} ${FIRING}\n${TIME} resolved critical: Coordination time elevated (CoordinationTimeElevated), agent=7, 800 (limit 10000), after 1m 5s\n`,
  );
});

it('colours lines where the output shows colours', async () => {
  const { channel, text } = output(true);
  await channel.send(notification(), unhurried());
  await channel.send(notification({ alerts: [resolved()] }), unhurried());
  await channel.send(notification({ alerts: [alert({ severity: 'warning' })] }), unhurried());
  expect(text()).toContain('\x1b[31m');
  expect(text().replaceAll('\x1b', '').split('\n')).toEqual([
    `${TIME} [31m${FIRING}[0m`,
    expect.stringMatching(/Z \[32mresolved .*\[0m$/),
    expect.stringMatching(/Z \[33mfiring warning.*\[0m$/),
    '',
  ]);
});

it('says how many there are beside those it names, and what was held back', async () => {
  const { channel, text } = output();
  await channel.send(notification({ alerts: agents(100), total: 137, heldBack: 2 }), unhurried());
  const lines = text().split('\n');
  expect(lines).toHaveLength(103);
  expect(lines.slice(-3)).toEqual([
    `${TIME} and 37 more alerts`,
    `${TIME} 2 notifications were held back before`,
    '',
  ]);
});

it('obeys no stranger, and writes no line without end', async () => {
  const { channel, text } = output();
  const labels = { agent: `\x1b]0;title\x07\n2026 resolved\u202e${'x'.repeat(100_000)}` };
  await channel.send(notification({ alerts: [alert({ labels })] }), unhurried());
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  expect(text()).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u202e]*\n$/);
  expect(text().length).toBeLessThan(1100);
});

it('makes alerts wait where nothing can be written, or not in time', async () => {
  const broken = createChannel(
    'out',
    { type: 'console' },
    context({ write: () => Promise.reject(new Error('EPIPE')) }),
  );
  expect(await broken.send(notification(), unhurried())).toEqual({
    outcome: 'retry',
    reason: 'output: EPIPE',
  });
  const slow = createChannel(
    'out',
    { type: 'console' },
    context({ write: () => new Promise(() => undefined) }),
  );
  const program = new AbortController();
  const sending = slow.send(notification(), program.signal);
  program.abort();
  expect(await sending).toEqual({ outcome: 'retry', reason: 'output: interrupted' });
  const none = createChannel('out', { type: 'console' }, context());
  expect(await none.send(notification(), unhurried())).toMatchObject({ outcome: 'retry' });
});
