import type { Attributes } from '../attributes.js';
import type { MetricRecord, RecordType } from '../record.js';
import { emptyTotal, type Numbers, type Total } from './cumulative-total.js';
import { AGENT_ATTRIBUTE } from './point-attributes.js';

/** The attribute that says which instrumentation scope a point came from. */
const SCOPE_ATTRIBUTE = 'otel.scope.name';

/** Writers whose last values of one cumulative up-down counter are kept; of more, the oldest are forgotten. */
const MAX_WRITERS = 1000;

/** What a series is known by beside metric, type and unit. */
export interface SeriesIdentity {
  /** Undefined where the series is of all agents together. */
  readonly agent: string | undefined;
  readonly scope: string | undefined;
  readonly attributes: Attributes;
}

/** What is kept of one series. */
export class Series {
  readonly identity: SeriesIdentity;
  /** The attributes of its points. */
  readonly attributes: Attributes;
  /** Unix milliseconds of the start of the first point: it stays, whatever comes. */
  readonly start: number;
  /** Unix milliseconds of the last point. */
  time: number;
  /** Gauge: the last value. */
  value = NaN;
  /** Whether anything came since somebody set this to false. */
  changed = false;
  /** Undefined for a gauge. */
  readonly total: Total | undefined;
  readonly #type: RecordType;
  /** Cumulative up-down counter: the last value of each writer. */
  #lasts: Map<string, MetricRecord> | undefined;
  /** Gauge: whether the value claimed to be from the future, so that its time does not tell how old it is. */
  #ahead = false;
  #reported: Numbers | undefined;

  constructor(type: RecordType, identity: SeriesIdentity, start: number) {
    const { agent, scope, attributes } = identity;
    this.identity = identity;
    this.attributes = {
      ...attributes,
      ...(scope !== undefined && { [SCOPE_ATTRIBUTE]: scope }),
      ...(agent !== undefined && { [AGENT_ATTRIBUTE]: agent }),
    };
    this.start = start;
    this.time = start;
    this.#type = type;
    this.total = type === 'gauge' ? undefined : emptyTotal(type);
  }

  /**
   * Takes the value of a gauge, if it is not older than the one there is. How old one from the future is nobody knows, so
   * that any that is read after it takes its place: else none would, for as long as a clock was set back.
   */
  set(value: number, time: number, now: number): void {
    this.#settleTime(now);
    if (time < this.time && !this.#ahead) return;
    this.value = value;
    this.time = time;
    this.#ahead = false;
    this.changed = true;
    this.#settleTime(now);
  }

  /** Makes what claims to be from the future be from now: from here on it grows old as all else does. */
  settle(now: number): void {
    this.#settleTime(now);
    for (const [key, last] of this.#lasts ?? []) {
      if (last.time > now) this.#lasts!.set(key, { ...last, time: now });
    }
  }

  /** Takes the last value of one writer of a cumulative up-down counter. */
  setLast(record: MetricRecord): void {
    const { agent, writer = '' } = record;
    this.#lasts ??= new Map();
    this.changed = true;
    const key = `${agent}\n${writer}`;
    this.#lasts.delete(key);
    this.#lasts.set(key, record);
    if (this.#lasts.size > MAX_WRITERS) this.#lasts.delete(this.#lasts.keys().next().value!);
  }

  /** Last values of the writers of a cumulative up-down counter. */
  lasts(): Iterable<MetricRecord> {
    return this.#lasts?.values() ?? [];
  }

  /** The total, with the last values of those writers that were heard of since `aliveSince`. */
  numbers(aliveSince: number): Numbers {
    const numbers = this.total!.numbers();
    if (this.#lasts === undefined) return numbers;
    let { value } = numbers;
    for (const [key, last] of this.#lasts) {
      if (last.time < aliveSince) this.#lasts.delete(key);
      else value += last.value;
    }
    return { value };
  }

  /** By how much the total grew since this was asked the last time; undefined where it did not. */
  takeDelta(numbers: Numbers): Numbers | undefined {
    const grown = emptyTotal(this.#type as Exclude<RecordType, 'gauge'>);
    grown.add(numbers, this.#reported);
    const delta = grown.numbers();
    if ((delta.count ?? delta.value) === 0) return undefined;
    // of the extremes nobody knows whether they are new
    const { min: _min, max: _max, ...others } = delta;
    const first = this.#reported === undefined;
    this.#reported = numbers;
    return first ? delta : others;
  }

  /**
   * Adds all of another series, and what was reported of it.
   *
   * @returns Whether its total could be added: where the sum would be no number, it stays as it is.
   */
  fold(other: Series): boolean {
    for (const last of other.lasts()) this.setLast(last);
    this.time = Math.max(this.time, other.time);
    this.changed = true;
    if (!this.total!.add(other.total!.numbers())) return false;
    if (other.#reported !== undefined) {
      const reported = emptyTotal(this.#type as Exclude<RecordType, 'gauge'>);
      if (this.#reported !== undefined) reported.add(this.#reported);
      reported.add(other.#reported);
      this.#reported = reported.numbers();
    }
    return true;
  }

  /** Says that all there is was reported before. */
  markReported(): void {
    this.#reported = this.total?.numbers();
  }

  #settleTime(now: number): void {
    if (this.time <= now) return;
    this.time = now;
    this.#ahead = true;
  }
}

/** The attributes of a record without those that the producer sets itself, which keep their values under another key. */
export function ownAttributes(attributes: Attributes | undefined): Attributes {
  if (attributes === undefined) return {};
  if (!(AGENT_ATTRIBUTE in attributes) && !(SCOPE_ATTRIBUTE in attributes)) return attributes;
  const renamed = Object.entries(attributes).map(([key, value]) => [
    key === AGENT_ATTRIBUTE || key === SCOPE_ATTRIBUTE ? `exported.${key}` : key,
    value,
  ]);
  return Object.fromEntries(renamed) as Attributes;
}
