import { setTimeout as delay } from 'node:timers/promises';
import { Companion, type CompanionStatus } from './companion.js';
import type { CompanionKind } from './companions.js';
import type { CompanionEvent } from './events.js';

/** What a supervisor is told. */
export interface SupervisorOptions {
  readonly kinds: readonly CompanionKind[];
  /** The command line of a companion. */
  readonly argsOf: (kind: CompanionKind) => readonly string[];
  /** Milliseconds without a report after which a companion is killed. */
  readonly hangMs: number;
  readonly onEvent: (name: string, event: CompanionEvent) => void;
  /** A companion refuses what it was told before it ever worked. */
  readonly onRefusal: (name: string, error: string) => void;
}

/** How all of it is. */
export interface SupervisorStatus {
  readonly stopping: boolean;
  /** Whether every companion runs and does what it is for. */
  readonly ready: boolean;
  readonly companions: Readonly<Record<string, CompanionStatus>>;
}

/** Keeps companions running, each by itself, and ends them in good order. */
export class Supervisor {
  readonly #members: readonly { readonly kind: CompanionKind; readonly companion: Companion }[];
  #stopping = false;

  /** Starts nothing yet. */
  constructor({ kinds, argsOf, hangMs, onEvent, onRefusal }: SupervisorOptions) {
    this.#members = kinds.map((kind) => {
      const { name } = kind;
      const companion = new Companion({
        ...{ name, hangMs, args: argsOf(kind) },
        onEvent: (event) => onEvent(name, event),
        onRefusal: (error) => onRefusal(name, error),
      });
      return { kind, companion };
    });
  }

  get status(): SupervisorStatus {
    const all = this.#members.map(({ companion }) => [companion.name, companion.status] as const);
    const ready = !this.#stopping && all.every(([, status]) => status.ready);
    return { stopping: this.#stopping, ready, companions: Object.fromEntries(all) };
  }

  /** Starts all. */
  start(): void {
    for (const { companion } of this.#members) companion.start();
  }

  /** Hands a signal on to those that know it. */
  signal(signal: NodeJS.Signals): void {
    for (const { kind, companion } of this.#members) {
      if (kind.signals?.includes(signal)) companion.signal(signal);
    }
  }

  /**
   * Ends all of them, and last those that keep what the others stored.
   *
   * @param limitMs - What is not done after this is killed; the first may take half of it.
   * @returns The names of those that had to be killed.
   */
  async stop(limitMs: number): Promise<string[]> {
    this.#stopping = true;
    const killed: string[] = [];
    const endsAt = performance.now() + limitMs;
    const first = this.#members.filter(({ kind }) => kind.endsLast !== true);
    const last = this.#members.filter((member) => !first.includes(member));
    for (const [members, withinMs] of [
      [first, limitMs / 2],
      [last, undefined],
    ] as const) {
      const ms = withinMs ?? Math.max(0, endsAt - performance.now());
      await Promise.all(members.map(({ companion }) => stopWithin(companion, ms, killed)));
    }
    return killed;
  }

  /** Ends all of them at once. */
  kill(): void {
    for (const { companion } of this.#members) companion.kill();
  }
}

async function stopWithin(companion: Companion, ms: number, killed: string[]): Promise<void> {
  const done = new AbortController();
  const stopped = companion.stop().finally(() => done.abort());
  const late = delay(ms, undefined, { signal: done.signal }).then(
    () => {
      killed.push(companion.name);
      companion.kill();
    },
    () => undefined,
  );
  await Promise.all([stopped, late]);
}
