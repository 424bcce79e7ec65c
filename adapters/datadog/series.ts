/** How two values of one series and second become one. */
type Merge = 'add' | 'last' | 'min' | 'max';

/** A value of a series. */
export interface Value {
  readonly value: number;
  /** Seconds that a count is of. */
  readonly interval: number | undefined;
}

/** One series of a request. */
export interface Series {
  readonly metric: string;
  readonly type: 'count' | 'gauge';
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly unit: string | undefined;
  /** By Unix second. */
  readonly values: Map<number, Value>;
}

/** A series of raw values. */
export interface Distribution {
  readonly metric: string;
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly values: Map<number, number[]>;
}

/** Whom a value is of. */
export interface Owner {
  readonly tags: readonly string[];
  readonly host: string | undefined;
  /** The same for the same tags and host. */
  readonly key: string;
}

/** Makes what tells series apart; tags are sorted, and none is there twice. */
export function ownerOf(tags: readonly string[], host: string | undefined): Owner {
  const sorted = [...new Set(tags)].sort();
  return { tags: sorted, host, key: `${host ?? ''}\n${sorted.join('\n')}` };
}

/**
 * The series of one request: each of its values is the only one of its metric, tags and second, since of two Datadog
 * would keep the last.
 */
export class SeriesSet {
  readonly #series = new Map<string, Series>();
  readonly #distributions = new Map<string, Distribution>();

  /** Those that are told as they are. */
  get series(): readonly Series[] {
    return [...this.#series.values()];
  }

  /** Those whose values Datadog makes statistics of. */
  get distributions(): readonly Distribution[] {
    return [...this.#distributions.values()];
  }

  /** Adds what came in an interval. */
  count(metric: string, owner: Owner, second: number, value: Value, unit?: string): void {
    this.#add({ metric, type: 'count', unit }, owner, second, value, 'add');
  }

  /** Adds a value of a time. */
  gauge(
    metric: string,
    owner: Owner,
    second: number,
    value: number,
    { unit, merge = 'last' }: { readonly unit?: string | undefined; readonly merge?: Merge },
  ): void {
    this.#add({ metric, type: 'gauge', unit }, owner, second, { value, interval: undefined }, merge);
  }

  /** Adds a value to a distribution. */
  distribution(metric: string, { tags, host, key }: Owner, second: number, value: number): void {
    const id = `${metric}\n${key}`;
    let found = this.#distributions.get(id);
    if (found === undefined) this.#distributions.set(id, (found = { metric, tags, host, values: new Map() }));
    const values = found.values.get(second);
    if (values === undefined) found.values.set(second, [value]);
    else values.push(value);
  }

  #add(
    { metric, type, unit }: Pick<Series, 'metric' | 'type' | 'unit'>,
    { tags, host, key }: Owner,
    second: number,
    value: Value,
    merge: Merge,
  ): void {
    const id = `${type} ${metric}\n${key}`;
    let found = this.#series.get(id);
    if (found === undefined)
      this.#series.set(id, (found = { metric, type, tags, host, unit, values: new Map() }));
    const before = found.values.get(second);
    found.values.set(second, before === undefined ? value : merged(before, value, merge));
  }
}

function merged(before: Value, after: Value, merge: Merge): Value {
  switch (merge) {
    case 'add': {
      const interval =
        before.interval === undefined || after.interval === undefined
          ? (before.interval ?? after.interval)
          : Math.max(before.interval, after.interval);
      return { value: before.value + after.value, interval };
    }
    case 'min':
      return before.value < after.value ? before : after;
    case 'max':
      return before.value > after.value ? before : after;
    case 'last':
      return after;
  }
}
