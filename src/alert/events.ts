import type { Severity } from './notification.js';

/** A message, as events name it. */
export interface EventMessage {
  /** Name of the channel. */
  readonly channel: string;
  /** What its alerts have in common. */
  readonly group: Readonly<Record<string, string>>;
  /** Firing while one of its alerts is. */
  readonly status: 'firing' | 'resolved';
  /** The worst of its alerts. */
  readonly severity: Severity;
  /** How many alerts it is about. */
  readonly alerts: number;
  /** Of this sending: the same when it is tried again. */
  readonly id: string;
}

/**
 * What the alerter tells `onEvent`.
 *
 * @remarks
 * `fired`, `escalated`, `resolved`: an alert changed. `sent`: a channel accepted a message. `failed`: an attempt failed,
 * and there will be another one. `refused`: a channel will never accept a message, such as after a 4xx. `heldBack`: the cap
 * of messages a minute makes one wait. `reloaded`: other rules count. `error`: something else is wrong, and is tried
 * again.
 *
 * @public
 */
export type AlertEvent =
  | {
      readonly type: 'fired' | 'escalated' | 'resolved';
      readonly rule: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly severity: Severity;
      readonly value: number | null;
    }
  | ({ readonly type: 'sent'; readonly named: number; readonly ms: number } & EventMessage)
  | ({ readonly type: 'failed'; readonly reason: string; readonly retryMs: number } & EventMessage)
  | ({ readonly type: 'refused'; readonly reason: string } & EventMessage)
  | {
      readonly type: 'heldBack';
      readonly channel: string;
      readonly group: Readonly<Record<string, string>>;
    }
  | { readonly type: 'reloaded'; readonly rules: number }
  | { readonly type: 'error'; readonly message: string };
