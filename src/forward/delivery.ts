import { setTimeout as delay } from 'node:timers/promises';
import { attempt, type Outcome } from './attempt.js';
import type { Backend, BackendRequest, ResourceOf } from './backend.js';
import type { DeadLetters } from './dead-letters.js';
import type { ForwardNews } from './events.js';
import type { ForwarderSettings } from './options.js';
import { Outbox } from './outbox.js';
import type { Point } from './point.js';

/** After a failure up to a second is waited, then two, then four, … */
const BACKOFF_MS = 1000;
/** Reasons that were told once and are only counted from then on. */
const MAX_REASONS = 100;

/** Counts of a {@link Delivery}. */
export interface DeliveryCounts {
  points: number;
  requests: number;
  bytes: number;
  retries: number;
  deadLettered: number;
  partiallyRefused: number;
  tooOld: number;
  untold: number;
}

/** When delivering is to end. */
export interface DeliverySignals {
  /** Waits are cut short. */
  readonly hurry: AbortSignal;
  /** Nothing is waited for any more, and no attempt goes on. */
  readonly over: AbortSignal;
}

/** Points that are delivered, until when. */
interface Task extends DeliverySignals {
  readonly outbox: Outbox;
}

/** What a delivery needs of its forwarder. */
export interface DeliveryHost {
  readonly settings: ForwarderSettings;
  readonly resourceOf: ResourceOf;
  readonly deadLetters: DeadLetters;
  /** File that says what of the outbox is done with. */
  readonly progressFile: string;
  readonly report: (event: ForwardNews) => void;
}

/** Brings points to a backend, however long that takes, in requests as large as it allows. */
export class Delivery {
  readonly counts: DeliveryCounts = {
    ...{ points: 0, requests: 0, bytes: 0, retries: 0 },
    ...{ deadLettered: 0, partiallyRefused: 0, tooOld: 0, untold: 0 },
  };
  readonly #host: DeliveryHost;
  readonly #backend: Backend;
  readonly #told = new Set<string>();
  /** Points of a request that were not too many. */
  #most: number;

  constructor(host: DeliveryHost) {
    this.#host = host;
    this.#backend = host.settings.backend;
    this.#most = this.#backend.limits.points;
  }

  /** Points to be delivered, but for those that an earlier run was done with. */
  outboxOf(id: string, points: readonly Point[]): Outbox {
    return new Outbox(this.#host.progressFile, id, points);
  }

  /**
   * Delivers what of an outbox was not yet.
   *
   * @returns Whether all of it is done with; false where it was over before.
   */
  async deliver(outbox: Outbox, signals: DeliverySignals): Promise<boolean> {
    while (outbox.waiting > 0) {
      const slice = outbox.take(this.#most);
      const taken = this.#inWindow(slice);
      if (taken.length > 0 && !(await this.#send(taken, { ...signals, outbox }))) return false;
      outbox.settle(slice);
      this.#most = Math.min(this.#backend.limits.points, Math.ceil(this.#most * 1.25));
    }
    return true;
  }

  /** Delivers one point at once, and says what came back. */
  async check(point: Point, signal: AbortSignal): Promise<Outcome[]> {
    const requests = this.#backend.encode([point], this.#host.resourceOf);
    const outcomes: Outcome[] = [];
    for (const request of requests) {
      outcomes.push(await attempt(request, this.#host.settings.timeoutMs, signal));
    }
    return outcomes;
  }

  #inWindow(points: readonly Point[]): readonly Point[] {
    const { maxAgeMs, maxFutureMs } = this.#backend.limits;
    const now = this.#host.settings.now();
    const taken = points.filter(({ time }) => time >= now - maxAgeMs && time <= now + maxFutureMs);
    const missing = points.length - taken.length;
    if (missing === 0) return points;
    this.counts.tooOld += missing;
    const oldest = points.reduce((least, { time }) => Math.min(least, time), Infinity);
    this.#once('tooOld', { type: 'tooOld', points: missing, oldest });
    return taken;
  }

  async #send(points: readonly Point[], task: Task): Promise<boolean> {
    let requests: readonly BackendRequest[];
    try {
      requests = this.#backend.encode(points, this.#host.resourceOf);
    } catch (error) {
      this.#refuse(points, `cannot be encoded: ${(error as Error).message}`);
      return true;
    }
    this.#leaveOut(points, requests);
    for (const request of requests) {
      if (!(await this.#request(request, task))) return false;
      // not when all are sent: none of them is to be repeated for another's sake
      task.outbox.settle(request.points);
    }
    return true;
  }

  /** Counts and tells what is in no request. */
  #leaveOut(points: readonly Point[], requests: readonly BackendRequest[]): void {
    const untold = points.length - requests.reduce((sum, request) => sum + request.points.length, 0);
    if (untold <= 0) return;
    this.counts.untold += untold;
    const told = new Set(requests.flatMap((request) => request.points));
    const first = points.find((point) => !told.has(point)) ?? points[0]!;
    const reason = this.#backend.whyUntold?.(first) ?? 'the backend has no form for what they say';
    this.#once(`untold ${reason}`, { type: 'untold', points: untold, reason });
  }

  async #request(request: BackendRequest, task: Task): Promise<boolean> {
    const { bytes, rawBytes } = this.#backend.limits;
    const size = request.body.length;
    if (size > bytes || request.rawBytes > rawBytes) {
      return this.#halve(request, `${size} bytes are more than a request may have`, task);
    }
    for (let failures = 0; ; failures += 1) {
      if (task.over.aborted) return false;
      const outcome = await attempt(request, this.#host.settings.timeoutMs, task.over);
      if (outcome.kind === 'accepted') {
        this.#accept(request, outcome);
        return true;
      }
      if (outcome.kind === 'tooLarge') return this.#halve(request, outcome.reason, task);
      if (outcome.kind === 'refused') {
        this.#refuse(request.points, outcome.reason);
        return true;
      }
      await this.#wait(request, failures, outcome, task);
    }
  }

  /** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
  async #wait(
    { points }: BackendRequest,
    failures: number,
    { reason, afterMs = 0 }: Extract<Outcome, { kind: 'retry' }>,
    { hurry, over }: DeliverySignals,
  ): Promise<void> {
    const { maxBackoffMs, random } = this.#host.settings;
    const backoff = random() * Math.min(maxBackoffMs, BACKOFF_MS * 2 ** failures);
    const retryMs = Math.ceil(Math.max(backoff, afterMs));
    this.counts.retries += 1;
    this.#host.report({ type: 'retry', reason, retryMs, points: points.length });
    // Whoever is in a hurry tries once more at once, and waits as always from then on.
    await pause(retryMs, hurry.aborted ? over : hurry);
  }

  #accept({ points, body }: BackendRequest, answer: Extract<Outcome, { kind: 'accepted' }>): void {
    const { counts } = this;
    counts.requests += 1;
    counts.bytes += body.length;
    const refused = this.#partialSuccess(answer);
    const missing = Math.min(points.length, refused?.points ?? 0);
    counts.points += points.length - missing;
    counts.partiallyRefused += missing;
    if (refused === undefined) return;
    const { reason } = refused;
    this.#once(`partial ${reason}`, { type: 'refused', reason, points: missing, file: undefined });
  }

  #partialSuccess({ body, contentType }: { body: Uint8Array; contentType: string }) {
    try {
      return this.#backend.partialSuccess?.(body, contentType);
    } catch {
      // An answer that cannot be read is one that says nothing.
      return undefined;
    }
  }

  async #halve(request: BackendRequest, reason: string, task: Task): Promise<boolean> {
    const { points } = request;
    if (points.length <= 1) {
      this.#refuse(points, reason);
      return true;
    }
    const half = Math.ceil(points.length / 2);
    this.#most = Math.min(this.#most, half);
    return (await this.#send(points.slice(0, half), task)) && (await this.#send(points.slice(half), task));
  }

  #refuse(points: readonly Point[], reason: string): void {
    const { deadLetters, settings } = this.#host;
    this.counts.deadLettered += points.length;
    try {
      deadLetters.add(points, reason, settings.now());
    } catch (error) {
      const message = `${deadLetters.path} cannot be written: ${(error as Error).message}`;
      this.#once('deadLetters', { type: 'error', message });
    }
    const file = deadLetters.path;
    this.#once(`refused ${reason}`, { type: 'refused', reason, points: points.length, file });
  }

  #once(kind: string, event: ForwardNews): void {
    if (this.#told.has(kind) || this.#told.size >= MAX_REASONS) return;
    this.#told.add(kind);
    this.#host.report(event);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
