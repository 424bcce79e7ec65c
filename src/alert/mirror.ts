import type { ChannelMemory } from './memory.js';
import { toldNow } from './need.js';
import type { NotifiedAlert } from './notification.js';
import { type Candidate, idOf, MAX_ALERTS, type Plan, type Planned, worst } from './plan.js';

/**
 * For how long an alert that is over is sent again: https://prometheus.io/docs/alerting/latest/alerts_api/ wants up to
 * five minutes, for a receiver that was restarted or missed it.
 */
const RESEND_RESOLVED_MS = 300_000;
/** Each of them may bring what it was before along. */
const PIECE = MAX_ALERTS / 2;

/**
 * Plans what a channel is sent that forgets alerts, and groups, repeats and mutes by itself: what changed at once, and
 * all that fires again and again.
 *
 * @param resendMs - Time between two sendings of one alert.
 */
export function planMirror(
  candidates: readonly Candidate[],
  memory: ChannelMemory,
  resendMs: number,
  now: number,
): Plan {
  const due: NotifiedAlert[] = [];
  let nextAt = Infinity;
  for (const { alert, silenced } of candidates) {
    const told = memory.told.get(alert.fingerprint);
    if (silenced && told?.status !== 'firing') continue;
    if (silenced && alert.status === 'firing') continue;
    const episode = told?.status === alert.status && told.startsAt === alert.startsAt;
    const changed = !episode || (alert.status === 'firing' && told.severity !== alert.severity);
    const at = told?.at ?? 0;
    // What was told in what is the future since the clock was put back ends in the future as well.
    const again = at > now ? now : at + resendMs;
    if (!changed && isDone(alert, now)) continue;
    if (changed || again <= now) due.push(alert);
    else nextAt = Math.min(nextAt, again);
  }
  const messages: Planned[] = [];
  for (let from = 0; from < due.length; from += PIECE) {
    const piece = due.slice(from, from + PIECE);
    messages.push(composePiece(`alerts ${messages.length}`, piece, memory, now));
  }
  return { messages, nextAt };
}

/** Whether such a channel needs to hear no more of an alert. */
export function isDone(alert: NotifiedAlert, now: number): boolean {
  return alert.status === 'resolved' && now - (alert.endsAt ?? now) >= RESEND_RESOLVED_MS;
}

function composePiece(
  key: string,
  alerts: readonly NotifiedAlert[],
  memory: ChannelMemory,
  now: number,
): Planned {
  const records = alerts.map((alert) => memory.told.get(alert.fingerprint));
  // To such a receiver an alert of another severity is another alert: what it was before is over.
  const former = alerts.flatMap((alert, i) => {
    const severity = records[i]?.severity;
    if (records[i]?.status !== 'firing' || severity === undefined || severity === alert.severity) return [];
    return [
      { ...alert, severity, status: 'resolved' as const, endsAt: now, labels: { ...alert.labels, severity } },
    ];
  });
  const all = [...alerts, ...former];
  return {
    notification: {
      groupKey: key,
      groupLabels: {},
      status: all.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
      severity: worst(all),
      alerts: all,
      total: all.length,
      heldBack: 0,
      id: idOf(key, alerts, records),
    },
    told: alerts.map((alert, i) => [alert.fingerprint, toldNow(alert, records[i], [], now)]),
  };
}
