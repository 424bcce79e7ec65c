import type { ChannelContext } from '../../../src/alert/channels/config.js';
import type { Notification, NotifiedAlert } from '../../../src/alert/notification.js';

/** 22 November 2026, 01:00:00 UTC */
export const START = Date.UTC(2026, 10, 22, 1);
/** When the tests send. */
export const NOW = START + 90_000;

/** One alert as the default rule makes it. */
export function alert(changes: Partial<NotifiedAlert> = {}): NotifiedAlert {
  return {
    fingerprint: '3f1c9a52d87b0e64',
    rule: 'CoordinationTimeElevated',
    status: 'firing',
    severity: 'critical',
    labels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: '7' },
    annotations: { summary: 'Coordination time elevated', description: 'avg over 10 s' },
    value: 12_300.1234567,
    limit: 10_000,
    startsAt: START,
    endsAt: null,
    ...changes,
  };
}

/** One alert of a number of agents. */
export function agents(count: number): NotifiedAlert[] {
  return Array.from({ length: count }, (_, agent) =>
    alert({
      fingerprint: agent.toString(16).padStart(16, '0'),
      labels: { alertname: 'CoordinationTimeElevated', severity: 'critical', agent: String(agent) },
    }),
  );
}

/** A notification of some alerts. */
export function notification(changes: Partial<Notification> = {}): Notification {
  const alerts = changes.alerts ?? [alert()];
  return {
    groupKey: '{alertname="CoordinationTimeElevated"}',
    groupLabels: { alertname: 'CoordinationTimeElevated' },
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    severity: 'critical',
    alerts,
    total: alerts.length,
    heldBack: 0,
    id: 'n-0001',
    ...changes,
  };
}

/** What {@link alert} is when it is over. */
export function resolved(changes: Partial<NotifiedAlert> = {}): NotifiedAlert {
  return alert({ status: 'resolved', value: 800, endsAt: START + 65_000, ...changes });
}

/** A program around a channel. */
export function context(changes: Partial<ChannelContext> = {}): ChannelContext {
  return { directory: '/nowhere', env: {}, now: () => NOW, ...changes };
}

/** Never ends anything. */
export function unhurried(): AbortSignal {
  return new AbortController().signal;
}
