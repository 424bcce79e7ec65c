import { randomBytes } from 'node:crypto';
import type { ChannelConfig, ChannelContext } from '../../alert/channels/config.js';
import { createChannel } from '../../alert/channels/create.js';
import type { Notification, NotifiedAlert } from '../../alert/notification.js';
import { type AlertRules, alertsOf } from '../../alert/rules.js';
import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';
import { print } from '../output.js';
import { visible } from '../text.js';

const TIMEOUT_MS = 10_000;
const BUILT_IN: Readonly<Record<string, ChannelConfig>> = {
  console: { type: 'console' },
  file: { type: 'file' },
};

/**
 * Sends an alert to a channel, and that it is over.
 *
 * @returns The exit code.
 */
export async function testNotify(name: string, rules: AlertRules, context: ChannelContext): Promise<number> {
  const { channels } = alertsOf(rules);
  const known: Readonly<Record<string, unknown>> =
    channels === undefined
      ? BUILT_IN
      : Object.fromEntries(Object.entries(channels).map(([key, { config }]) => [key, config]));
  if (!Object.hasOwn(known, name)) {
    const names = Object.keys(known).join(', ');
    throw new MetricsError('ERR_METRICS_OPTION', `--test-notify must be one of ${names}, got ${shown(name)}`);
  }
  const channel = createChannel(name, known[name] as ChannelConfig, context);
  for (const notification of testNotifications(Date.now())) {
    const delivery = await channel.send(notification, AbortSignal.timeout(TIMEOUT_MS));
    if (delivery.outcome !== 'sent') {
      throw new MetricsError('ERR_METRICS_STORE', `${name} did not take it: ${delivery.reason}`);
    }
    print(`${visible(name)} took ${notification.status}\n`);
  }
  return 0;
}

function testNotifications(now: number): Notification[] {
  const id = randomBytes(8).toString('hex');
  const firing: NotifiedAlert = {
    ...{ fingerprint: id, rule: 'TestNotification', status: 'firing', severity: 'info', value: 1, limit: 0 },
    labels: { alertname: 'TestNotification', severity: 'info' },
    annotations: { summary: 'A test of cfn-metrics', description: 'nothing is wrong; it is over right away' },
    ...{ startsAt: now, endsAt: null },
  };
  return [firing, { ...firing, status: 'resolved' as const, endsAt: now + 1 }].map((alert) => ({
    ...{ groupKey: `test ${id}`, groupLabels: { alertname: alert.rule }, status: alert.status },
    ...{ severity: alert.severity, alerts: [alert], total: 1, heldBack: 0, id: `${id}-${alert.status}` },
  }));
}
