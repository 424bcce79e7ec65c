import type { CheckedLimits } from './limits.js';

/** What the rules out of the box are, in the form in which files have them. */
export function defaultRules(limits: CheckedLimits): Readonly<Record<string, unknown>>[] {
  const { coordinationTimeMs, deliveryRate, memoryMb, archiveLagSeconds } = limits;
  return [
    {
      name: 'CoordinationTimeElevated',
      metric: 'coordination_time_ms',
      statistic: 'avg',
      window: '30s',
      above: coordinationTimeMs,
      recover: coordinationTimeMs * 0.9,
      groupBy: ['agent'],
      summary: 'Coordination time elevated',
      description: '{{ labels.agent }} coordinates in {{ value }} ms on average, the limit is {{ limit }} ms',
    },
    {
      name: 'LowDeliveryRate',
      metric: 'message_delivery_rate',
      statistic: 'avg',
      window: '1m',
      // three messages are no rate
      minCount: 5,
      below: deliveryRate,
      recover: deliveryRate + (1 - deliveryRate) / 5,
      groupBy: ['agent'],
      summary: 'Low delivery rate',
      description: 'of the messages of {{ labels.agent }} {{ value }} arrive, the limit is {{ limit }}',
    },
    {
      name: 'HighMemoryUsage',
      metric: 'memory_usage_mb',
      statistic: 'last',
      window: '1m',
      above: memoryMb,
      recover: memoryMb * 0.9,
      groupBy: ['agent'],
      summary: 'High memory usage',
      description: '{{ labels.agent }} uses {{ value }} MB, the limit is {{ limit }} MB',
    },
    ...selfWatch(archiveLagSeconds),
  ];
}

/** Rules on what watches: an alerter that lags or does not see everything is to be known of. */
const selfWatch = (archiveLagSeconds: number) => [
  {
    name: 'AlerterLag',
    metric: 'cfn.alert.lag_seconds',
    statistic: 'max',
    window: '2m',
    above: 60,
    summary: 'Rules are evaluated too late',
    description: 'an evaluation began {{ value }} s after it was due',
  },
  {
    name: 'NotificationsFail',
    metric: 'cfn.alert.waiting_seconds',
    statistic: 'last',
    window: '2m',
    above: 300,
    noData: 'ok',
    summary: 'A channel does not take messages',
    description: 'it has failed for {{ value }} s',
  },
  {
    name: 'NotificationsRefused',
    metric: 'cfn.alert.refused',
    statistic: 'increase',
    window: '5m',
    above: 0,
    noData: 'ok',
    summary: 'A channel refuses messages',
    description: '{{ value }} were refused within 5 minutes and will not be sent again',
  },
  {
    name: 'TornLines',
    metric: 'cfn.alert.torn_lines',
    statistic: 'increase',
    window: '5m',
    above: 0,
    noData: 'ok',
    summary: 'Lines in the shards are damaged',
    description: '{{ value }} within 5 minutes: a writer was killed, or memory is full',
  },
  {
    name: 'RecordsDropped',
    metric: 'cfn.metrics.dropped',
    statistic: 'increase',
    window: '5m',
    above: 0,
    noData: 'ok',
    summary: 'Writers could not store records',
    description: '{{ value }} within 5 minutes; cfn-metrics doctor says why',
  },
  {
    name: 'ArchiverLag',
    metric: 'cfn.archive.lag_seconds',
    statistic: 'last',
    window: '5m',
    above: archiveLagSeconds,
    summary: 'The archive lags behind',
    description: 'nothing was synced for {{ value }} s',
  },
  {
    name: 'ArchiverSilent',
    absent: 'cfn.archive.lag_seconds',
    window: '5m',
    // After a start of the host the alerter may be there first.
    for: '1m',
    // One that was never heard of is none.
    groupBy: ['agent'],
    summary: 'The archiver is gone',
    description:
      'nothing was heard of {{ labels.agent }} for 5 minutes; what agents store stays in RAM alone',
  },
];
