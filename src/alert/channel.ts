import type { Notification } from './notification.js';

/**
 * What became of one attempt to send. `retry`: it may succeed later, such as after 429, 5xx, a network error or a
 * time-out. `refused`: it never will, such as after another 4xx or a redirect.
 *
 * @public
 */
export type Delivery =
  | { readonly outcome: 'sent' }
  | { readonly outcome: 'retry'; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly outcome: 'refused'; readonly reason: string };

/**
 * What receives notifications. An implementation makes one attempt: retries, the spool, caps and the record of what
 * was sent are the alerter's.
 *
 * @public
 */
export interface Channel {
  /** As the rules name it. */
  readonly name: string;
  /**
   * Sends once. Never rejects.
   *
   * @param notification - What to tell.
   * @param signal - Ends the attempt; what is then unknown is a `retry`.
   */
  send(notification: Notification, signal: AbortSignal): Promise<Delivery>;
  /**
   * Milliseconds after which what still fires is sent again, for receivers that forget, such as Alertmanager.
   *
   * @defaultValue never
   */
  readonly resendMs?: number;
}
