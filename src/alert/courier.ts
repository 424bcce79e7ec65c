import type { Channel, Delivery } from './channel.js';
import type { AlertEvent } from './events.js';
import type { ChannelMemory } from './memory.js';
import { planMirror } from './mirror.js';
import { type Candidate, type Plan, type Planned, planMessages } from './plan.js';
import type { Grouping } from './rule.js';

/** An attempt that takes longer has failed. */
const TIMEOUT_MS = 10_000;
/** A channel that does not heed its signal is given up this much later. */
const GRACE_MS = 1000;
/** A channel that wants alerts again and again gets each of them no more often than this. */
const LEAST_RESEND_MS = 1000;
/** After a failure it is tried again after a second, then two, then four, … */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** What somebody asks us to wait is obeyed up to here; beyond it they are asked again. */
const MAX_RETRY_AFTER_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** What a courier needs of its alerter. */
export interface CourierHost {
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly report: (event: AlertEvent) => void;
  /** An attempt ended: keeps what the channel was told, and comes back. */
  readonly ended: () => void;
  /** Ends attempts that are under way. */
  readonly signal: AbortSignal;
}

/** Counts of one channel since the start. */
export interface CourierCounts {
  sent: number;
  failed: number;
  refused: number;
}

/** Brings messages to one channel, one after the other. */
export class Courier {
  readonly channel: Channel;
  readonly memory: ChannelMemory;
  readonly counts: CourierCounts = { sent: 0, failed: 0, refused: 0 };
  readonly #maxPerMinute: number;
  readonly #host: CourierHost;
  /** Failed attempts by group, so that one message that always fails does not keep the others waiting. */
  readonly #attempts = new Map<string, number>();
  #attempt: Promise<void> | undefined;
  #waiting = 0;

  /** Sends nothing yet. */
  constructor(channel: Channel, maxPerMinute: number, memory: ChannelMemory, host: CourierHost) {
    this.channel = channel;
    this.#maxPerMinute = maxPerMinute;
    this.memory = memory;
    this.#host = host;
  }

  /** Messages that wait: for the channel, for the cap, or for the one that is under way. */
  get waiting(): number {
    return this.#waiting;
  }

  /** For how long the channel has not accepted anything that it was sent, in milliseconds. */
  get failingMs(): number {
    const { failingSince } = this.memory;
    return failingSince === null ? 0 : Math.max(0, this.#host.now() - failingSince);
  }

  /** The attempt that is under way. */
  get attempt(): Promise<void> | undefined {
    return this.#attempt;
  }

  /**
   * Starts the next message, where there is one.
   *
   * @param tried - Groups and fingerprints: a message about these alone is not started, and those of the one that is are added.
   * @returns When to come back, in Unix milliseconds; sooner where an attempt ends.
   */
  deliver(candidates: readonly Candidate[], grouping: Grouping, tried = new Set<string>()): number {
    if (this.#attempt !== undefined) return Infinity;
    const now = this.#host.now();
    const { memory } = this;
    const { messages, nextAt } = this.#plan(candidates, grouping, now);
    this.#waiting = messages.length;
    if (messages.length === 0) {
      this.#attempts.clear();
      return nextAt;
    }
    // A clock that was set back must not keep anybody waiting.
    const retryAt = Math.min(memory.retryAt, now + MAX_RETRY_AFTER_MS);
    if (retryAt > now) return Math.min(nextAt, retryAt);
    memory.sentAt = memory.sentAt.filter((time) => time <= now && time > now - MINUTE_MS);
    const isMirror = this.channel.resendMs !== undefined;
    if (!isMirror && memory.sentAt.length >= this.#maxPerMinute) {
      this.#hold(messages);
      return Math.min(nextAt, memory.sentAt[0]! + MINUTE_MS);
    }
    const tries = ({ notification }: Planned): number => this.#attempts.get(notification.groupKey) ?? 0;
    // Of an alert that has gone on to another group there are two messages. A mirror's are no groups.
    const names = ({ notification: { groupKey }, told }: Planned): string[] =>
      told.map(([fingerprint]) => (isMirror ? fingerprint : `${groupKey} ${fingerprint}`));
    const untried = messages.filter((message) => names(message).some((name) => !tried.has(name)));
    if (untried.length === 0) return nextAt;
    const next = untried.reduce((best, message) => (tries(message) < tries(best) ? message : best));
    for (const name of names(next)) tried.add(name);
    this.#attempt = this.#send(next);
    return Infinity;
  }

  #plan(candidates: readonly Candidate[], grouping: Grouping, now: number): Plan {
    const { resendMs } = this.channel;
    return resendMs === undefined
      ? planMessages(candidates, this.memory, grouping, now)
      : planMirror(candidates, this.memory, Math.max(LEAST_RESEND_MS, resendMs), now);
  }

  #hold(messages: readonly Planned[]): void {
    const { memory, channel } = this;
    for (const { notification } of messages) {
      if (memory.held.has(notification.groupKey)) continue;
      memory.held.add(notification.groupKey);
      memory.heldBack += 1;
      this.#host.report({ type: 'heldBack', channel: channel.name, group: notification.groupLabels });
    }
  }

  async #send(message: Planned): Promise<void> {
    const startedAt = performance.now();
    const delivery = await this.#attemptOnce(message);
    this.#attempt = undefined;
    // Stopped on purpose: nobody knows what became of it, so that it is told again by the next one.
    if (!this.#host.signal.aborted || delivery.outcome === 'sent') {
      this.#note(message, delivery, performance.now() - startedAt);
    }
    this.#host.ended();
  }

  async #attemptOnce({ notification }: Planned): Promise<Delivery> {
    const { signal } = this.#host;
    // Not AbortSignal.any: in Node 20 the signal of a whole daemon remembers each attempt for ever.
    const attempt = new AbortController();
    const cancel = (): void => attempt.abort();
    let timer = setTimeout(cancel, TIMEOUT_MS);
    const givenUp = new Promise<Delivery>((resolve) => {
      const giveUp = (): void => {
        const reason = signal.aborted ? 'stopped' : `no answer within ${TIMEOUT_MS / 1000} s`;
        resolve({ outcome: 'retry', reason });
      };
      attempt.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        timer = setTimeout(giveUp, GRACE_MS);
      });
    });
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel);
    try {
      return await Promise.race([this.channel.send(notification, attempt.signal), givenUp]);
    } catch (error) {
      return { outcome: 'retry', reason: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  }

  #note({ notification, told }: Planned, delivery: Delivery, ms: number): void {
    const { memory, counts, channel } = this;
    const { groupKey, groupLabels, alerts, total, heldBack, status, severity, id } = notification;
    const now = this.#host.now();
    const message = { channel: channel.name, group: groupLabels, status, severity, alerts: total, id };
    if (delivery.outcome === 'retry') {
      counts.failed += 1;
      memory.failures += 1;
      memory.failingSince ??= now;
      this.#attempts.set(groupKey, (this.#attempts.get(groupKey) ?? 0) + 1);
      const backoff = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (memory.failures - 1));
      const jittered = backoff * (0.5 + this.#host.random() / 2);
      const asked = Math.min(MAX_RETRY_AFTER_MS, Math.max(0, delivery.retryAfterMs ?? 0));
      const retryMs = Math.ceil(Math.max(jittered, asked));
      memory.retryAt = now + retryMs;
      this.#host.report({ type: 'failed', ...message, reason: delivery.reason, retryMs });
      return;
    }
    for (const [fingerprint, record] of told) memory.told.set(fingerprint, record);
    memory.groups.set(groupKey, { lastAt: now, waitingSince: null });
    memory.held.delete(groupKey);
    this.#attempts.delete(groupKey);
    memory.failures = 0;
    memory.failingSince = null;
    memory.retryAt = 0;
    if (delivery.outcome === 'refused') {
      counts.refused += 1;
      this.#host.report({ type: 'refused', ...message, reason: delivery.reason });
      return;
    }
    counts.sent += 1;
    memory.sentAt.push(now);
    memory.heldBack = Math.max(0, memory.heldBack - heldBack);
    this.#host.report({ type: 'sent', ...message, named: alerts.length, ms });
  }
}
