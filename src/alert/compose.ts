import { type Condition, isUpper } from './condition.js';
import { labelsOf } from './labels.js';
import { type NotifiedAlert, SEVERITIES } from './notification.js';
import type { Rule } from './rule.js';
import type { Instance, Reason } from './state.js';
import { renderTemplate } from './template.js';

const REASONS: Readonly<Record<Reason, string>> = {
  noData: 'there is no data at all',
  vanished: 'this series vanished, others are there',
  forgotten: 'nothing was heard of it for a long time',
};

/** What templates of annotations can name. */
export const ANNOTATION_VARIABLES = [
  'labels',
  'value',
  'limit',
  'severity',
  'status',
  'reason',
  'rule',
] as const;

/** An alert that somebody may have to be told of, and what it takes to sort it. */
export interface Told {
  readonly instance: Instance;
  readonly alert: NotifiedAlert;
  readonly rule: Rule | undefined;
}

/** What identifies an alert. */
export function labelsOfAlert(instance: Instance, rule: Rule | undefined): Record<string, string> {
  const metric = rule && metricOf(rule.levels[0]!.condition);
  return {
    ...rule?.labels,
    ...(metric !== undefined && { metric }),
    ...instance.group,
    alertname: instance.rule,
    severity: instance.severity,
  };
}

/** An alert as notifications carry it; of one that neither fires nor did there is nothing to say. */
export function composeAlert(instance: Instance, rule: Rule | undefined): NotifiedAlert | undefined {
  const { status, startsAt } = instance;
  if ((status !== 'firing' && status !== 'resolved') || startsAt === null) return undefined;
  const labels = labelsOfAlert(instance, rule);
  const { value, limit, severity } = instance;
  const reason = instance.reason === null ? '' : REASONS[instance.reason];
  const variables = { labels, value, limit, severity, status, reason, rule: instance.rule } satisfies Record<
    (typeof ANNOTATION_VARIABLES)[number],
    unknown
  >;
  const annotations = Object.entries(rule?.annotations ?? {}).map(
    ([name, template]) => [name, renderTemplate(template, variables)] as const,
  );
  return {
    fingerprint: instance.fingerprint,
    rule: instance.rule,
    status,
    severity,
    labels,
    annotations: labelsOf(reason === '' ? annotations : [...annotations, ['reason', reason]]),
    value,
    limit,
    startsAt,
    endsAt: status === 'resolved' ? instance.endsAt : null,
  };
}

/** Orders alerts: those that fire, the most severe, what is furthest beyond its limit, the oldest. */
export function byBadness(a: Told, b: Told): number {
  return (
    Number(a.alert.status === 'resolved') - Number(b.alert.status === 'resolved') ||
    SEVERITIES.indexOf(a.alert.severity) - SEVERITIES.indexOf(b.alert.severity) ||
    badness(b) - badness(a) ||
    a.alert.startsAt - b.alert.startsAt
  );
}

/** How far beyond its limit a value is, by limits; what was not measured is as bad as what just is. */
function badness({ alert: { value, limit, severity }, rule }: Told): number {
  if (value === null || limit === null || !Number.isFinite(value)) return value === Infinity ? Infinity : 0;
  const beyond = (value - limit) / (Math.abs(limit) || 1);
  const condition = rule?.levels.find((level) => level.severity === severity)?.condition;
  return condition !== undefined && 'limit' in condition && !isUpper(condition.limit.comparison)
    ? -beyond
    : beyond;
}

function metricOf(condition: Condition): string | undefined {
  switch (condition.kind) {
    case 'threshold':
    case 'absent':
      return condition.metric;
    case 'ratio':
      return condition.of.metric;
    case 'always':
    case 'all':
    case 'any':
      return undefined;
  }
}
