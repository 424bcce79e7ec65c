import { labelsOfAlert } from './compose.js';
import { SEVERITIES, type Severity } from './notification.js';
import type { Alerts } from './rule.js';
import type { Instance } from './state.js';

/**
 * An alert as {@link Alerter.alerts} lists it.
 *
 * @public
 */
export interface CurrentAlert {
  /** Pending: its condition holds, not yet for long enough. */
  readonly status: 'pending' | 'firing' | 'resolved';
  /** As notifications have it. */
  readonly fingerprint: string;
  /** Name of the rule. */
  readonly rule: string;
  /** How bad it is. */
  readonly severity: Severity;
  /** What identifies it. */
  readonly labels: Readonly<Record<string, string>>;
  /** What was measured last. */
  readonly value: number | null;
  /** What it is compared with. */
  readonly limit: number | null;
  /** Since when it is pending or fires, in Unix milliseconds. */
  readonly since: number;
  /** Why there is no data, where there is none. */
  readonly reason: string | null;
}

/** Makes a list for people of what is known: what fires first, then the worst, then the oldest. */
export function currentAlerts(instances: Iterable<Instance>, { rules }: Alerts): CurrentAlert[] {
  const order = ['firing', 'pending', 'resolved'];
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  return [...instances]
    .flatMap((instance): CurrentAlert[] => {
      const { status, fingerprint, rule, severity, value, limit, startsAt, reason, levels } = instance;
      if (status === 'inactive') return [];
      const labels = labelsOfAlert(instance, byName.get(rule));
      const since = (status === 'pending' ? levels[severity]?.since : startsAt) ?? 0;
      return [{ status, fingerprint, rule, severity, labels, value, limit, since, reason }];
    })
    .sort(
      (a, b) =>
        order.indexOf(a.status) - order.indexOf(b.status) ||
        SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
        a.since - b.since,
    );
}
