import type { Verdict } from './condition.js';
import type { Labels } from './labels.js';
import { SEVERITIES, type Severity } from './notification.js';
import type { Level, NoData } from './rule.js';

/** Where one severity of one alert is. One that is inactive has no state. */
export interface LevelState {
  readonly status: 'pending' | 'firing';
  /** Since when it is that. */
  readonly since: number;
  /** Firing: since when the condition does not hold; null while it does. */
  readonly clearSince: number | null;
}

/** What is known of the alert of one rule and one set of labels. Times are Unix milliseconds. */
export interface Instance {
  readonly fingerprint: string;
  readonly rule: string;
  /** What it is grouped by. */
  readonly group: Labels;
  readonly levels: Readonly<Partial<Record<Severity, LevelState>>>;
  readonly status: 'inactive' | 'pending' | 'firing' | 'resolved';
  /** Of the worst level that fires; after the end of the worst that did last. */
  readonly severity: Severity;
  readonly value: number | null;
  readonly limit: number | null;
  /** When it began to fire; null where it never did. */
  readonly startsAt: number | null;
  /** When it resolved. */
  readonly endsAt: number | null;
  /** When there was data last; null where there never was. */
  readonly seenAt: number | null;
  /** It is not called missing before; undefined where it may be at any time. */
  readonly missingFrom: number | undefined;
  /** Why it is as it is, where that is not the condition: there is no series at all, or this one vanished. */
  readonly reason: Reason | null;
}

/** Why there is nothing to judge by. */
export type Reason = 'noData' | 'vanished' | 'forgotten';

/** What a level is told: that the condition holds, that it does not, or that what fires goes on. */
export type Input = 'breach' | 'clear' | 'keep';

/** What the policy for missing data makes of a verdict. */
export function inputOf(verdict: Verdict, policy: NoData): Input {
  if (verdict.state !== 'unknown') return verdict.state;
  return policy === 'alert' ? 'breach' : policy === 'ok' ? 'clear' : 'keep';
}

/**
 * The next state of one level. What it is since a time that is in the future since the clock was put back, it is since now.
 *
 * @returns undefined where it is inactive.
 */
export function stepLevel(
  level: Pick<Level, 'forMs' | 'keepFiringForMs'>,
  state: LevelState | undefined,
  input: Input,
  now: number,
): LevelState | undefined {
  // What fires goes on. What does not yet has to hold all the time, and nobody knows whether it does.
  if (input === 'keep') return state?.status === 'firing' ? state : undefined;
  if (input === 'clear') {
    if (state?.status !== 'firing') return undefined;
    const clearSince = Math.min(state.clearSince ?? now, now);
    return now - clearSince >= level.keepFiringForMs ? undefined : { ...state, clearSince };
  }
  if (state?.status === 'firing') return state.clearSince === null ? state : { ...state, clearSince: null };
  const since = Math.min(state?.since ?? now, now);
  return now - since >= level.forMs
    ? { status: 'firing', since: now, clearSince: null }
    : { status: 'pending', since, clearSince: null };
}

/** What is new for an alert in one evaluation. */
export interface News {
  readonly levels: Instance['levels'];
  readonly value: number | null;
  readonly limit: number | null;
  /** Whether there was data. */
  readonly seen: boolean;
  readonly reason: Reason | null;
}

/** An alert that nothing is known of yet. */
export function newInstance(fingerprint: string, rule: string, group: Labels): Instance {
  return {
    ...{ fingerprint, rule, group, levels: {}, status: 'inactive', severity: 'info' },
    ...{ value: null, limit: null, startsAt: null, endsAt: null, seenAt: null, reason: null },
    missingFrom: undefined,
  };
}

/** The next state of an alert, from those of its levels. */
export function stepInstance(before: Instance, news: News, now: number): Instance {
  const { levels, value, limit, seen, reason } = news;
  const firing = SEVERITIES.find((severity) => levels[severity]?.status === 'firing');
  const pending = SEVERITIES.find((severity) => levels[severity]?.status === 'pending');
  const { fingerprint, rule, group, missingFrom } = before;
  let { status, severity, startsAt, endsAt } = before;
  if (firing !== undefined) {
    if (status !== 'firing') startsAt = now;
    [status, severity, endsAt] = ['firing', firing, null];
  } else if (status === 'firing') [status, endsAt] = ['resolved', now];
  // One that is over stays so until somebody was told; a new one that is not sure yet changes nothing about that.
  else if (status !== 'resolved') {
    status = pending === undefined ? 'inactive' : 'pending';
    severity = pending ?? severity;
  }
  const seenAt = seen ? now : before.seenAt;
  // One literal: putting objects together takes several times as long, which counts where alerts are many.
  return {
    fingerprint,
    rule,
    group,
    levels,
    status,
    severity,
    value,
    limit,
    startsAt,
    endsAt,
    seenAt,
    missingFrom,
    reason,
  };
}
