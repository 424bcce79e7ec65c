/** How bad an alert is, the worst first. */
export const SEVERITIES = ['critical', 'warning', 'info'] as const;

/**
 * How bad an alert is.
 *
 * @public
 */
export type Severity = (typeof SEVERITIES)[number];

/**
 * One alert as a notification carries it. Times are Unix milliseconds.
 *
 * @public
 */
export interface NotifiedAlert {
  /** What tells this alert from all others, the same after a restart: a hash of its rule's name and its labels. */
  readonly fingerprint: string;
  /** Name of the rule. */
  readonly rule: string;
  /** Whether it goes on. */
  readonly status: 'firing' | 'resolved';
  /** How bad it is. */
  readonly severity: Severity;
  /** What identifies it: `alertname`, `severity`, `agent`, and what the rule adds. */
  readonly labels: Readonly<Record<string, string>>;
  /** What describes it: `summary`, `description`, and what the rule adds, with values filled in. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What was measured last; null where nothing was. */
  readonly value: number | null;
  /** What it was compared with; null where the condition has no single limit. */
  readonly limit: number | null;
  /** When it began to fire. */
  readonly startsAt: number;
  /** When it resolved; null while it fires. */
  readonly endsAt: number | null;
}

/**
 * What one channel gets at once: the alerts of one group.
 *
 * @public
 */
export interface Notification {
  /** Text that stays the same for a group, for keys against duplicates. */
  readonly groupKey: string;
  /** What the alerts of the group have in common. */
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Firing while one of the alerts is. */
  readonly status: 'firing' | 'resolved';
  /** The worst of all alerts. */
  readonly severity: Severity;
  /** The alerts, the worst first; at most 100. */
  readonly alerts: readonly NotifiedAlert[];
  /** How many alerts there are in all. */
  readonly total: number;
  /** Notifications that the cap of messages per minute held back before this one. */
  readonly heldBack: number;
  /** Of this sending: the same when it is tried again. */
  readonly id: string;
}
