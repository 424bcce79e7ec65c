import type { Notification, NotifiedAlert } from '../notification.js';
import type { TemplateVariables } from '../template.js';
import { cut, formatNumber, isoTime } from '../text.js';

/** How many alerts a message for people names. */
export const NAMED_ALERTS = 10;

/** What templates of one alert can name. */
export const ALERT_VARIABLES = [
  'status',
  'severity',
  'rule',
  'value',
  'limit',
  'startsAt',
  'endsAt',
  'fingerprint',
  'labels',
  'annotations',
] as const;

/** What templates of a whole notification can name. */
export const NOTIFICATION_VARIABLES = [
  'title',
  'status',
  'severity',
  'total',
  'firing',
  'heldBack',
  'groupKey',
  'groupLabels',
  'commonLabels',
  'commonAnnotations',
] as const;

/** The values of {@link ALERT_VARIABLES}. */
export function alertVariables(alert: NotifiedAlert): TemplateVariables {
  const { status, severity, rule, value, limit, fingerprint, labels, annotations } = alert;
  const startsAt = isoTime(alert.startsAt);
  const endsAt = alert.endsAt === null ? '' : isoTime(alert.endsAt);
  return { status, severity, rule, value, limit, startsAt, endsAt, fingerprint, labels, annotations };
}

/** The values of {@link NOTIFICATION_VARIABLES}. */
export function notificationVariables(notification: Notification): TemplateVariables {
  const { status, severity, total, heldBack, groupKey, groupLabels, alerts } = notification;
  return {
    ...{ title: title(notification), status, severity, total, firing: firingCount(notification) },
    ...{ heldBack, groupKey, groupLabels },
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
  };
}

/** What all of several have the same. */
export function common(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, text]) =>
      others.every((other) => Object.hasOwn(other, name) && other[name] === text),
    ),
  );
}

/** How many alerts fire. The worst are listed first, so those that are not listed fire where all listed ones do. */
export function firingCount({ alerts, total }: Notification): number {
  const firing = alerts.filter(({ status }) => status === 'firing').length;
  return firing === alerts.length ? total : firing;
}

/** A notification in one line, such as `Coordination time elevated: 137 agents`. */
export function title(notification: Notification): string {
  const { alerts, total } = notification;
  const [first] = alerts;
  if (first === undefined) return cut(notification.groupKey, 200);
  if (total === 1) return cut(headline(first), 200);
  const rules = [...new Set(alerts.map(({ rule }) => rule))];
  const names = rules.length > 3 ? `${rules.slice(0, 3).join(', ')}, …` : rules.join(', ');
  const agents = new Set(alerts.map(({ labels }) => labels['agent']));
  const what = agents.size === alerts.length && !agents.has(undefined) ? 'agents' : 'alerts';
  return `${cut(names, 200)}: ${total} ${what}`;
}

/** `[FIRING:137]`, `[RESOLVED:2]`, as an Alertmanager has it. */
export function statusTag(notification: Notification): string {
  const firing = notification.status === 'firing';
  return firing ? `[FIRING:${firingCount(notification)}]` : `[RESOLVED:${notification.total}]`;
}

/** What an alert is about, in a few words. */
export function headline({ annotations, rule }: NotifiedAlert): string {
  return annotations['summary'] ?? rule;
}

/** `agent=7, region=eu`: what tells an alert from the others of its rule. */
export function labelText({ labels }: NotifiedAlert): string {
  return Object.entries(labels)
    .filter(([name]) => name !== 'alertname' && name !== 'severity')
    .map(([name, text]) => `${name}=${text}`)
    .join(', ');
}

/** `12300 (limit 10000)`; empty where nothing was measured. */
export function valueText({ value, limit }: NotifiedAlert): string {
  if (value === null) return '';
  return limit === null ? formatNumber(value) : `${formatNumber(value)} (limit ${formatNumber(limit)})`;
}

/** How long something took, in its two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const from = parts.findIndex(([count]) => count > 0);
  if (from < 0) return '0s';
  const two = parts.slice(from, from + 2).filter(([count]) => count > 0);
  return two.map(([count, unit]) => `${count}${unit}`).join(' ');
}

/** One alert in one line for people. */
export function alertLine(alert: NotifiedAlert): string {
  const { severity, status, startsAt, endsAt } = alert;
  const value = valueText(alert);
  const labels = labelText(alert);
  const since = isoTime(startsAt).replace('.000Z', 'Z');
  const time = endsAt === null ? `since ${since}` : `after ${duration(endsAt - startsAt)}`;
  const name = headline(alert);
  const rule = name === alert.rule ? '' : ` (${alert.rule})`;
  return [`${status} ${severity}: ${name}${rule}`, labels, value, time]
    .filter((text) => text !== '')
    .join(', ');
}
