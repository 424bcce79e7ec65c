import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery, DeliverySignals } from './delivery.js';
import type { ForwardNews } from './events.js';
import type { Intake } from './intake.js';
import type { ForwarderSettings } from './options.js';
import type { Outbox } from './outbox.js';
import type { Point } from './point.js';
import type { Telling } from './teller.js';

/** Where nothing is told, the position is saved this often. */
const SAVE_MS = 30_000;
/** A state that cannot be saved is tried again after this. */
const RETRY_SAVE_MS = 1000;

/** Reads, ends intervals, and brings each to the backend before it goes on: nothing is read while something waits. */
export class ForwardLoop {
  readonly #settings: ForwarderSettings;
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  readonly #report: (event: ForwardNews) => void;
  #outbox: Outbox;
  /** What of the outbox is in no file yet. */
  #unsaved: Telling | undefined;
  #acceptedUntil: number | null = null;
  #resumedAt: number | null = null;
  #toldMissed = 0;
  #savedAt = performance.now();

  constructor(
    settings: ForwarderSettings,
    intake: Intake,
    delivery: Delivery,
    report: (event: ForwardNews) => void,
  ) {
    this.#settings = settings;
    this.#intake = intake;
    this.#delivery = delivery;
    this.#report = report;
    this.#outbox = delivery.outboxOf('', []);
  }

  /** Points that wait to be accepted. */
  get waiting(): number {
    return this.#outbox.waiting;
  }

  /**
   * Unix milliseconds up to which nothing waits: everything is accepted, or there was nothing. Before any point it is the
   * start, and null before that.
   */
  get clearUntil(): number | null {
    return this.#acceptedUntil ?? this.#resumedAt;
  }

  /** Goes on with what an earlier run was to tell. */
  resume(outbox: string, points: readonly Point[]): void {
    this.#outbox = this.#delivery.outboxOf(outbox, points);
    this.#resumedAt = this.#settings.now();
    this.#acceptedUntil = points.length === 0 ? this.#intake.toldAt : oldest(points);
  }

  /** Forwards until it is in a hurry, and then what is there. */
  async follow(signals: DeliverySignals): Promise<boolean> {
    const { graceMs, now, pollMs } = this.#settings;
    if (!(await this.#deliver(signals))) return false;
    while (!signals.hurry.aborted) {
      const began = now();
      const look = await this.#advance(began - graceMs, signals);
      if (look === 'over') return false;
      if (look === 'more') continue;
      const { openEnd } = this.#intake;
      const due = openEnd === null ? Infinity : openEnd + graceMs - now();
      await pause(Math.max(10, Math.min(pollMs, due)), signals.hurry);
    }
    return this.flush(signals);
  }

  /** Tells everything there is, and ends the interval that is open. */
  async flush(signals: DeliverySignals): Promise<boolean> {
    if (!(await this.#deliver(signals))) return false;
    let end = this.#settings.now();
    for (;;) {
      const look = await this.#advance(end, signals);
      if (look === 'over') return false;
      if (look === 'more') continue;
      const { cut } = await this.#intake.take(end + 1);
      if (cut) {
        if (!(await this.#tell(this.#intake.tellRaw(), signals))) return false;
        continue;
      }
      const { resolutionMs = 1 } = this.#settings.backend;
      const next = nextAfter(this.#intake.toldAt ?? -Infinity, resolutionMs);
      // What was told of a time cannot be told of it again, and a clock that was set back is not waited for.
      if (next - end > resolutionMs) return true;
      if (end < next) {
        // told now it would take the place of what was told before
        await pause(next - end, signals.over);
        end = next;
        continue;
      }
      this.#intake.openUntil(this.#intervalEnd(end));
      return this.#tell(this.#intake.tell(end), signals, end);
    }
  }

  /**
   * Reads on, and ends the open interval where its time has come.
   *
   * @param settled - Before this time all that will be stored is stored.
   * @returns Whether there may be more to do at once.
   */
  async #advance(settled: number, signals: DeliverySignals): Promise<'more' | 'waiting' | 'over'> {
    const intake = this.#intake;
    const began = this.#settings.now();
    if (intake.openEnd === null) {
      // nothing is taken yet: it only shows where the oldest record is
      const { earliest } = await intake.take(-Infinity);
      intake.openUntil(this.#intervalEnd(Math.min(earliest, began)));
    }
    const end = intake.openEnd!;
    const { earliest, cut } = await intake.take(end);
    this.tellMissed();
    if (cut) return (await this.#tell(intake.tellRaw(), signals)) ? 'more' : 'over';
    if (end > settled) {
      this.#saveIfDue();
      return 'waiting';
    }
    const telling = intake.tell(end);
    intake.openUntil(Math.max(this.#intervalEnd(Math.min(earliest, began)), this.#intervalEnd(end)));
    return (await this.#tell(telling, signals, end)) ? 'more' : 'over';
  }

  /** The first end of an interval behind a time. */
  #intervalEnd(time: number): number {
    const { intervalMs } = this.#settings;
    return nextAfter(time, intervalMs);
  }

  /** Saves what is told, and tells it. */
  async #tell(telling: Telling, signals: DeliverySignals, until?: number): Promise<boolean> {
    const points = [...telling.loose, ...telling.kept.values()];
    if (points.length === 0) {
      this.#acceptedUntil = until ?? this.#acceptedUntil;
      this.#saveIfDue();
      return true;
    }
    this.#outbox = this.#delivery.outboxOf(randomBytes(6).toString('hex'), points);
    this.#unsaved = telling;
    this.#acceptedUntil ??= oldest(points);
    return this.#deliver(signals);
  }

  async #deliver(signals: DeliverySignals): Promise<boolean> {
    while (this.#unsaved !== undefined) {
      if (this.#save(this.#outbox.id, this.#unsaved)) this.#unsaved = undefined;
      else if (signals.over.aborted) return false;
      else await pause(RETRY_SAVE_MS, signals.over);
    }
    const { counts } = this.#delivery;
    const { points, requests, bytes } = counts;
    if (!(await this.#delivery.deliver(this.#outbox, signals))) return false;
    const until = this.#intake.toldAt;
    this.#acceptedUntil = until ?? this.#acceptedUntil;
    this.#outbox = this.#delivery.outboxOf(this.#outbox.id, []);
    if (counts.requests > requests && until !== null) {
      this.#report({
        type: 'forwarded',
        points: counts.points - points,
        requests: counts.requests - requests,
        bytes: counts.bytes - bytes,
        until,
      });
    }
    return true;
  }

  /** Nothing waits now, so that a position can be saved without points. */
  #saveIfDue(): void {
    if (!this.#intake.isDirty || performance.now() - this.#savedAt < SAVE_MS) return;
    this.#save('', { loose: [], kept: new Map() });
  }

  #save(id: string, telling: Telling): boolean {
    this.#savedAt = performance.now();
    try {
      this.#intake.save(id, telling);
      return true;
    } catch (error) {
      this.#report({ type: 'error', message: `the state cannot be saved: ${(error as Error).message}` });
      return false;
    }
  }

  /** Says what was deleted before it was read. */
  tellMissed(): void {
    const { files, bytes } = this.#intake.counts.missed;
    if (files === this.#toldMissed) return;
    this.#report({
      type: 'lost',
      files: files - this.#toldMissed,
      bytes,
      reason: 'deleted before they were read',
    });
    this.#toldMissed = files;
  }
}

/** The time of the first point. */
function oldest(points: readonly Point[]): number {
  return points.reduce((least, { time }) => Math.min(least, time), Infinity);
}

/** The first multiple behind a time. */
function nextAfter(time: number, ms: number): number {
  return (Math.floor(time / ms) + 1) * ms;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
