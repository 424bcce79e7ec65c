import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AlertEvent, type AlerterOptions, createAlerter, readAlerts } from '../../src/alert/index.js';
import type { Channel, Delivery } from '../../src/alert/channel.js';
import type { Notification } from '../../src/alert/notification.js';
import type { MetricRecord } from '../../src/record.js';
import { store } from '../cli/run.js';
import { temporaryDirectory } from '../support/directory.js';

export const NOON = Date.parse('2026-11-21T12:00:00.000Z');

/** A channel that remembers what it was sent and answers what the test says. */
export class Recorder implements Channel {
  readonly name: string;
  readonly resendMs?: number;
  readonly sent: Notification[] = [];
  answer: (notification: Notification) => Delivery = () => ({ outcome: 'sent' });

  constructor(name = 'ops', resendMs?: number) {
    this.name = name;
    if (resendMs !== undefined) this.resendMs = resendMs;
  }

  async send(notification: Notification): Promise<Delivery> {
    const delivery = this.answer(notification);
    if (delivery.outcome === 'sent') this.sent.push(notification);
    return delivery;
  }

  /** What was sent since the last time, as `firing CoordinationTimeElevated 3`. */
  take(): string[] {
    return this.sent
      .splice(0)
      .map(({ status, alerts, total }) => `${status} ${alerts[0]!.rule} ${alerts[0]!.severity} ${total}`);
  }
}

/** An alerter over real shards, with a clock that the test sets. */
export async function setup(yaml: string, options: Partial<AlerterOptions> = {}) {
  const root = temporaryDirectory();
  const directory = join(root, 'shm');
  mkdirSync(directory);
  const state = join(root, 'state');
  const clock = { now: NOON };
  const channel = new Recorder();
  const events: AlertEvent[] = [];
  const open = async (text = yaml, more: Partial<AlerterOptions> = {}) => {
    const alerter = createAlerter({
      ...{
        directory,
        state,
        rules: await readAlerts(text, 'rules.yaml'),
        channels: [channel],
        metrics: false,
      },
      ...{ now: () => clock.now, onEvent: (event: AlertEvent) => void events.push(event) },
      ...options,
      ...more,
    });
    onTestFinished(() => alerter.close());
    return alerter;
  };
  const emit = (record: Partial<MetricRecord>): void => {
    store(directory, 0, [{ time: clock.now, metric: 'load', ...record }]);
  };
  return { root, directory, state, clock, channel, events, open, emit };
}
