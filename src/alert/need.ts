import type { NotifiedAlert } from './notification.js';
import { SEVERITIES, type Severity } from './notification.js';
import type { ToldRecord } from './memory.js';

/**
 * Why a channel has to be told of an alert. `held`: it fires again so soon that it would be a repeat; `over`: nothing is
 * left to tell.
 */
export type Need = 'new' | 'escalated' | 'repeat' | 'resolved' | 'held' | 'none' | 'over';

/**
 * What a channel has to be told of an alert.
 *
 * @param alert - As it is now.
 * @param silenced - Whether a silence keeps it from being told. One that was told is told to be over all the same:
 * somebody's incident would stay open for ever.
 * @param told - What the channel was told last.
 * @param repeatMs - The same alert is not told to fire again before.
 */
export function needOf(
  alert: NotifiedAlert,
  silenced: boolean,
  told: ToldRecord | undefined,
  repeatMs: number,
  now: number,
): Need {
  const firingAt = told?.firingAt ?? null;
  const recent = firingAt !== null && now - firingAt < repeatMs;
  const worse = told === undefined || firingAt === null || isWorse(alert.severity, told.severity);
  if (alert.status === 'firing') {
    if (silenced) return 'none';
    if (told === undefined || firingAt === null) return 'new';
    if (worse) return 'escalated';
    if (recent) return told.status === 'firing' ? 'none' : 'held';
    return told.status === 'firing' ? 'repeat' : 'new';
  }
  if (told?.status === 'firing') return 'resolved';
  if (silenced || told?.startsAt === alert.startsAt) return 'over';
  // It fired and ended before anybody could be told: nothing is lost, it is told as one that is over. But for one that
  // was a repeat all the time that it fired.
  const repeated = firingAt !== null && !worse && (alert.endsAt ?? now) - firingAt < repeatMs;
  return repeated ? 'over' : 'resolved';
}

/**
 * What a channel that accepted an alert was told.
 *
 * @param open - As it is now.
 */
export function toldNow(
  alert: NotifiedAlert,
  before: ToldRecord | undefined,
  open: ToldRecord['open'],
  now: number,
): ToldRecord {
  const { status, startsAt } = alert;
  if (status === 'firing')
    return { status, severity: alert.severity, startsAt, firingAt: now, at: now, open };
  // How bad it was told to be when it fired is what a worse one is compared with.
  const { severity = alert.severity, firingAt = null } = before ?? {};
  return { status, severity, startsAt, firingAt, at: now, open };
}

/** Whether one severity is worse than another. */
export function isWorse(severity: Severity, than: Severity): boolean {
  return SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(than);
}
