import { createHash } from 'node:crypto';
import { byBadness, type Told } from './compose.js';
import { type Labels, labelsOf, labelsText } from './labels.js';
import { type ChannelMemory, groupOf, type ToldRecord, toldOf } from './memory.js';
import { isWorse, type Need, needOf, toldNow } from './need.js';
import { type NotifiedAlert, type Notification, SEVERITIES } from './notification.js';
import type { Grouping } from './rule.js';

/** Alerts that one notification carries at most. */
export const MAX_ALERTS = 100;

/** An alert that may have to be told, and whether a silence is in the way. */
export interface Candidate extends Told {
  readonly silenced: boolean;
}

/** A message that is to be sent now. */
export interface Planned {
  readonly notification: Notification;
  /** What to remember when it was accepted, by fingerprint. */
  readonly told: readonly (readonly [fingerprint: string, record: ToldRecord])[];
}

/** What is to be sent to one channel. */
export interface Plan {
  readonly messages: readonly Planned[];
  /** When to plan again, in Unix milliseconds: something waits until then. Infinity where nothing does. */
  readonly nextAt: number;
}

/** What a group may have to be told of an alert. */
interface Member {
  /** As the group is told of it. */
  readonly candidate: Candidate;
  readonly need: Need;
  /** What it is, where it went on to another group: to this one it is over. */
  readonly moved?: NotifiedAlert;
}

interface Group {
  readonly labels: Labels;
  readonly members: Member[];
}

/**
 * Plans what one channel is sent: for each group one message with all there is to tell.
 *
 * @remarks
 * Everything follows from the alerts and from what the channel accepted so far. What could not be sent is therefore
 * planned again, with what has happened since, also by another process that has read the same state; its id stays the
 * same as long as it tells the same.
 *
 * @param memory - Of the channel. When groups began to wait is noted in it.
 */
export function planMessages(
  candidates: readonly Candidate[],
  memory: ChannelMemory,
  grouping: Grouping,
  now: number,
): Plan {
  const groups = new Map<string, Group>();
  const add = (labels: Labels, member: Member): void => {
    const key = labelsText(labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { labels, members: [member] });
    else group.members.push(member);
  };
  let nextAt = Infinity;
  for (const candidate of candidates) {
    const { alert, rule, silenced } = candidate;
    const told = toldOf(memory, alert.fingerprint, now);
    const repeatMs = rule?.repeatMs ?? 0;
    const labels = groupLabels(alert, grouping);
    const open = told?.open ?? [];
    const isThis = isSameAs(labels);
    const isOpenHere = open.some(isThis);
    const isOver = alert.status === 'resolved';
    // Of the end hear those who heard of the beginning, wherever it has gone since.
    const end = isOpenHere ? 'resolved' : 'none';
    const need = isOver && open.length > 0 ? end : needOf(alert, silenced, told, repeatMs, now);
    add(labels, { candidate, need });
    for (const former of open) {
      if (isThis(former)) continue;
      // Whom it left hears so when those whom it came to know of it: at no time it is nobody's.
      if (isOver || isOpenHere) {
        const over = { ...candidate, alert: overIn(former, alert, now) };
        add(former, { candidate: over, need: 'resolved', moved: alert });
      } else add(former, { candidate, need: 'none' });
    }
    const firingAt = alert.status === 'firing' && !silenced ? (told?.firingAt ?? null) : null;
    if (firingAt !== null && (need === 'none' || need === 'held')) {
      nextAt = Math.min(nextAt, firingAt + repeatMs);
    }
  }
  const messages: Planned[] = [];
  for (const [key, { labels, members }] of groups) {
    const wanted = members.filter(({ need }) => TELLING.has(need));
    if (wanted.length === 0 || waitsForOthers(members, wanted)) {
      setWaiting(memory, key, null);
      continue;
    }
    const group = groupOf(memory, key, now);
    const waitingSince = group?.waitingSince ?? now;
    setWaiting(memory, key, waitingSince);
    const dueAt = dueTime(wanted, group?.lastAt ?? null, waitingSince, grouping);
    if (dueAt > now) nextAt = Math.min(nextAt, dueAt);
    else messages.push(compose(key, labels, wanted, memory, now));
  }
  for (const [key, { waitingSince }] of memory.groups)
    if (waitingSince !== null && !groups.has(key)) setWaiting(memory, key, null);
  messages.sort((a, b) => byUrgency(a.notification, b.notification));
  return { messages, nextAt };
}

const TELLING: ReadonlySet<Need> = new Set(['new', 'escalated', 'repeat', 'resolved']);

/** While others of the group still fire, those that are over are told with the next message: it says "firing" either way. */
function waitsForOthers(members: readonly Member[], wanted: readonly Member[]): boolean {
  return (
    wanted.every(({ need }) => need === 'resolved') &&
    members.some(({ candidate: { alert, silenced } }) => alert.status === 'firing' && !silenced)
  );
}

function dueTime(
  wanted: readonly Member[],
  lastAt: number | null,
  waitingSince: number,
  grouping: Grouping,
): number {
  if (wanted.some(({ need }) => need === 'escalated')) return -Infinity;
  const free = lastAt === null ? -Infinity : lastAt + grouping.intervalMs;
  // Only the first message of a group waits for others; the later ones have the interval.
  const waited = free > waitingSince ? -Infinity : waitingSince + grouping.waitMs;
  return Math.max(free, waited);
}

function setWaiting(memory: ChannelMemory, key: string, waitingSince: number | null): void {
  const { lastAt = null } = memory.groups.get(key) ?? {};
  if (lastAt === null && waitingSince === null) memory.groups.delete(key);
  else memory.groups.set(key, { lastAt, waitingSince });
  if (waitingSince === null) memory.held.delete(key);
}

function compose(
  key: string,
  labels: Labels,
  wanted: readonly Member[],
  memory: ChannelMemory,
  now: number,
): Planned {
  const sorted = [...wanted].sort((a, b) => byBadness(a.candidate, b.candidate));
  const alerts = sorted.map(({ candidate }) => candidate.alert);
  const records = alerts.map((alert) => memory.told.get(alert.fingerprint));
  return {
    notification: {
      groupKey: key,
      groupLabels: labels,
      status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
      severity: worst(alerts),
      alerts: alerts.slice(0, MAX_ALERTS),
      total: alerts.length,
      heldBack: memory.heldBack,
      id: idOf(key, alerts, records),
    },
    told: sorted.map((member, i) => [alerts[i]!.fingerprint, toldIn(labels, member, records[i], now)]),
  };
}

/** The same for the same news about the same alerts, whoever says so and whenever. */
export function idOf(
  key: string,
  alerts: readonly NotifiedAlert[],
  records: readonly (ToldRecord | undefined)[],
): string {
  const news = alerts
    .map(({ fingerprint, status, severity, startsAt }, i) => {
      return [fingerprint, status, severity, startsAt, records[i]?.at ?? null];
    })
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([key, news]))
    .digest('hex')
    .slice(0, 32);
}

/** The worst severity of what fires, else of what did. */
export function worst(alerts: readonly NotifiedAlert[]): NotifiedAlert['severity'] {
  const firing = alerts.filter(({ status }) => status === 'firing');
  const some = firing.length > 0 ? firing : alerts;
  return SEVERITIES.find((severity) => some.some((alert) => alert.severity === severity)) ?? 'info';
}

/** An alert as a group that it has left is told of it. */
function overIn(former: Labels, alert: NotifiedAlert, now: number): NotifiedAlert {
  return {
    ...alert,
    status: 'resolved',
    severity: SEVERITIES.find((severity) => severity === former['severity']) ?? alert.severity,
    labels: { ...alert.labels, ...former },
    endsAt: alert.endsAt ?? now,
  };
}

/** What a channel that accepted what a group is told of an alert was told of it. */
function toldIn(
  group: Labels,
  { candidate: { alert }, moved }: Member,
  before: ToldRecord | undefined,
  now: number,
): ToldRecord {
  const isThis = isSameAs(group);
  const others = (before?.open ?? []).filter((labels) => !isThis(labels));
  if (moved?.status === 'firing') return { ...before!, open: others };
  return toldNow(alert, before, alert.status === 'firing' ? [...others, group] : others, now);
}

function isSameAs(labels: Labels): (other: Labels) => boolean {
  const text = labelsText(labels);
  return (other) => labelsText(other) === text;
}

function groupLabels({ labels }: NotifiedAlert, { by }: Grouping): Labels {
  return labelsOf(by.filter((name) => Object.hasOwn(labels, name)).map((name) => [name, labels[name]!]));
}

function byUrgency(a: Notification, b: Notification): number {
  if (a.status !== b.status) return a.status === 'firing' ? -1 : 1;
  return a.severity === b.severity ? 0 : isWorse(a.severity, b.severity) ? -1 : 1;
}
