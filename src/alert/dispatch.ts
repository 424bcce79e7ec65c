import type { Channel } from './channel.js';
import type { ChannelConfig, ChannelContext } from './channels/config.js';
import { createChannel } from './channels/create.js';
import { composeAlert } from './compose.js';
import { Courier, type CourierCounts, type CourierHost } from './courier.js';
import type { Engine } from './engine.js';
import { type ChannelMemory, newMemory, type ToldRecord, toldOf } from './memory.js';
import { isDone } from './mirror.js';
import { needOf } from './need.js';
import type { Candidate } from './plan.js';
import type { Alerts } from './rule.js';
import { DEFAULT_MAX_PER_MINUTE } from './rules.js';
import { type Silence, silenceOf } from './silence.js';
import type { Instance } from './state.js';

/** What a dispatch needs. */
export interface DispatchOptions {
  readonly alerts: Alerts;
  /** In the place of those that the alerts describe. */
  readonly channels: readonly Channel[] | undefined;
  readonly context: ChannelContext;
  /** What channels were told before, by name. */
  readonly memories: ReadonlyMap<string, ChannelMemory>;
  /** Whose alerts they are; undefined where there are none yet. */
  readonly engine: Engine | undefined;
  readonly silences: () => readonly Silence[];
  readonly host: CourierHost;
}

/** Brings alerts to all channels, each at its own pace. */
export class Dispatch {
  readonly #alerts: Alerts;
  readonly #silences: () => readonly Silence[];
  readonly #host: CourierHost;
  readonly #couriers: readonly Courier[];
  /** Composed once an evaluation, however often it is planned what to send. */
  readonly #composed = new WeakMap<Instance, Omit<Candidate, 'silenced'>>();
  readonly #engine: Engine | undefined;

  /**
   * Makes the channels.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where one cannot be made.
   */
  constructor({ alerts, channels, context, memories, engine, silences, host }: DispatchOptions) {
    this.#engine = engine;
    this.#alerts = alerts;
    this.#silences = silences;
    this.#host = host;
    const made = channels ?? makeChannels(alerts, context);
    this.#couriers = made.map((channel) => {
      const cap = alerts.channels?.[channel.name]?.maxPerMinute ?? DEFAULT_MAX_PER_MINUTE;
      return new Courier(channel, cap, memories.get(channel.name) ?? newMemory(), host);
    });
  }

  /** What channels were told, by name. */
  get memories(): ReadonlyMap<string, ChannelMemory> {
    return new Map(this.#couriers.map(({ channel, memory }) => [channel.name, memory]));
  }

  /** Counts of all channels. */
  get counts(): CourierCounts {
    const total = { sent: 0, failed: 0, refused: 0 };
    for (const { counts } of this.#couriers) {
      total.sent += counts.sent;
      total.failed += counts.failed;
      total.refused += counts.refused;
    }
    return total;
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#couriers.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** For how long the channel that fails longest has failed, in milliseconds. */
  get failingMs(): number {
    return Math.max(0, ...this.#couriers.map(({ failingMs }) => failingMs));
  }

  /**
   * Starts what is to be sent.
   *
   * @param tried - What each courier is to leave alone; grows by what is started.
   * @returns When to come back, in Unix milliseconds.
   */
  deliver(tried?: Map<Courier, Set<string>>): number {
    const now = this.#host.now();
    const { grouping } = this.#alerts;
    const times = this.#couriers.map((courier) => {
      const leftAlone = tried?.get(courier) ?? new Set();
      tried?.set(courier, leftAlone);
      return courier.deliver(this.#candidates(courier, now), grouping, leftAlone);
    });
    return Math.min(...times, Infinity);
  }

  /**
   * Sends what is due until nothing is. Nobody is told anything twice, whatever fails, becomes due again meanwhile, or
   * was not noted as told: it ends after as many messages as there are alerts, in each group.
   */
  async settle(): Promise<void> {
    const tried = new Map<Courier, Set<string>>();
    for (;;) {
      this.deliver(tried);
      const attempts = this.#couriers.flatMap(({ attempt }) => attempt ?? []);
      if (attempts.length === 0) return;
      await Promise.all(attempts);
    }
  }

  /** Waits for what is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#couriers.flatMap(({ attempt }) => attempt ?? []));
  }

  /** Forgets alerts that are over and told, and what was told so long ago that it changes nothing. */
  forget(): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    const now = this.#host.now();
    const known = new Set<string>();
    for (const instance of [...engine.instances()]) {
      if (instance.status === 'resolved' && this.#isOver(instance, now)) engine.settle(instance);
      else known.add(instance.fingerprint);
    }
    const keepMs = Math.max(0, ...this.#alerts.rules.map(({ repeatMs }) => repeatMs));
    for (const { memory } of this.#couriers) {
      for (const [fingerprint, { at, firingAt }] of memory.told) {
        if (!known.has(fingerprint) && now - Math.max(at, firingAt ?? 0) >= keepMs)
          memory.told.delete(fingerprint);
      }
      for (const [key, { lastAt, waitingSince }] of memory.groups) {
        if (waitingSince === null && now - (lastAt ?? 0) >= this.#alerts.grouping.intervalMs)
          memory.groups.delete(key);
      }
    }
  }

  #isOver(instance: Instance, now: number): boolean {
    const candidate = this.#candidate(instance, now);
    if (candidate === undefined) return true;
    const { alert, rule, silenced } = candidate;
    return this.#couriers.every((courier) => {
      const told = toldOf(courier.memory, alert.fingerprint, now);
      if (!isFor(courier, candidate) && !isOpen(told)) return true;
      if (courier.channel.resendMs === undefined) {
        if (told !== undefined && told.open.length > 0) return false;
        const need = needOf(alert, silenced, told, rule?.repeatMs ?? 0, now);
        return need === 'over' || need === 'none';
      }
      if (silenced && told?.status !== 'firing') return true;
      return told?.status === 'resolved' && told.startsAt === alert.startsAt && isDone(alert, now);
    });
  }

  #candidates(courier: Courier, now: number): Candidate[] {
    const found: Candidate[] = [];
    for (const instance of this.#engine?.instances() ?? []) {
      const candidate = this.#candidate(instance, now);
      if (candidate === undefined) continue;
      if (isFor(courier, candidate)) found.push(candidate);
      // Who heard of it before rules were changed hears that it is over, and nothing else.
      else if (isOpen(courier.memory.told.get(instance.fingerprint)))
        found.push({ ...candidate, silenced: true });
    }
    return found;
  }

  #candidate(instance: Instance, now: number): Candidate | undefined {
    let composed = this.#composed.get(instance);
    if (composed === undefined) {
      const rule = this.#engine?.rule(instance.rule);
      const alert = composeAlert(instance, rule);
      if (alert === undefined) return undefined;
      composed = { instance, alert, rule };
      this.#composed.set(instance, composed);
    }
    const silenced = silenceOf(composed.alert.labels, this.#silences(), now) !== undefined;
    return { ...composed, silenced };
  }
}

/** Whether a channel is to hear of an alert. Of a rule that is gone, those who heard of it hear that it is over. */
function isFor({ channel, memory }: Courier, { alert, rule }: Candidate): boolean {
  if (rule === undefined) return memory.told.has(alert.fingerprint);
  return rule.channels?.includes(channel.name) ?? true;
}

/** Whether somebody was told that an alert fires, and not that it is over. */
function isOpen(told: ToldRecord | undefined): boolean {
  return told !== undefined && (told.status === 'firing' || told.open.length > 0);
}

function makeChannels({ channels }: Alerts, context: ChannelContext): Channel[] {
  if (channels === undefined) {
    const file = createChannel('file', { type: 'file' }, context);
    return context.write === undefined
      ? [file]
      : [createChannel('console', { type: 'console' }, context), file];
  }
  return Object.entries(channels).map(([name, { config }]) =>
    createChannel(name, config as unknown as ChannelConfig, context),
  );
}
