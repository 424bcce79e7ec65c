/** How two values of one series and second become one. */
type Merge = 'add' | 'last' | 'min' | 'max';

/** A value of a series. */
export interface Value {
  /** Unix second. */
  readonly second: number;
  readonly value: number;
  /** Seconds that a count is of. */
  readonly interval: number | undefined;
}

/** One series of a request. */
export interface Series {
  /** As {@link metricName} has it. */
  readonly metric: string;
  readonly type: 'count' | 'gauge';
  readonly owner: Owner;
  readonly unit: string | undefined;
  /** By time, one of a second. */
  readonly values: Value[];
}

/** A series of raw values. */
export interface Distribution {
  readonly metric: string;
  readonly owner: Owner;
  /** By Unix second. */
  readonly values: Map<number, number[]>;
}

/** Whom a value is of. */
export interface Owner {
  /** Sorted, none is there twice. */
  readonly tags: readonly string[];
  readonly host: string | undefined;
  /** The same for the same tags and host. */
  readonly key: string;
  /** The tags as JSON: nearly all that a request says of a series, and the same each time. */
  readonly tagsJson: string;
  /** The host as JSON. */
  readonly hostJson: string | undefined;
}

/** The owner that has these tags, in any order. */
export function ownerOf(tags: readonly string[], host: string | undefined): Owner {
  const sorted = [...new Set(tags)].sort();
  const tagsJson = JSON.stringify(sorted);
  const hostJson = host === undefined ? undefined : JSON.stringify(host);
  return { tags: sorted, host, key: `${hostJson ?? ''}${tagsJson}`, tagsJson, hostJson };
}

/**
 * The series of one request: each of its values is the only one of its metric, tags and second, since of two Datadog
 * would keep the last. Values come in the order of time.
 */
export class SeriesSet {
  /** Those that are told as they are. */
  readonly series: Series[] = [];
  /** Those whose values Datadog makes statistics of. */
  readonly distributions: Distribution[] = [];
  readonly #counts = new Map<string, Map<string, Series>>();
  readonly #gauges = new Map<string, Map<string, Series>>();
  readonly #distributed = new Map<string, Map<string, Distribution>>();

  /** Adds what came in an interval. */
  count(metric: string, owner: Owner, value: Value, unit?: string): void {
    this.#add(metric, 'count', owner, value, unit, 'add');
  }

  /** Adds a value of a time. */
  gauge(
    metric: string,
    owner: Owner,
    second: number,
    value: number,
    { unit, merge = 'last' }: { readonly unit?: string | undefined; readonly merge?: Merge },
  ): void {
    this.#add(metric, 'gauge', owner, { second, value, interval: undefined }, unit, merge);
  }

  /** Adds a value to a distribution. */
  distribution(metric: string, owner: Owner, second: number, value: number): void {
    const byMetric = of(this.#distributed, owner);
    const known = byMetric.get(metric);
    const values = known?.values.get(second);
    if (known === undefined) {
      const made = { metric, owner, values: new Map([[second, [value]]]) };
      byMetric.set(metric, made);
      this.distributions.push(made);
    } else if (values === undefined) known.values.set(second, [value]);
    else values.push(value);
  }

  #add(
    metric: string,
    type: Series['type'],
    owner: Owner,
    value: Value,
    unit: string | undefined,
    merge: Merge,
  ): void {
    const byMetric = of(type === 'count' ? this.#counts : this.#gauges, owner);
    const values = byMetric.get(metric)?.values;
    const last = values?.at(-1);
    if (values === undefined) {
      const made = { metric, type, owner, unit, values: [value] };
      byMetric.set(metric, made);
      this.series.push(made);
    } else if (last?.second === value.second) values[values.length - 1] = merged(last, value, merge);
    else values.push(value);
  }
}

/** What an owner has, by metric: two looks at texts whose hashes are known, where one would make a text of both. */
function of<T>(byOwner: Map<string, Map<string, T>>, { key }: Owner): Map<string, T> {
  let found = byOwner.get(key);
  if (found === undefined) byOwner.set(key, (found = new Map<string, T>()));
  return found;
}

function merged(before: Value, after: Value, merge: Merge): Value {
  switch (merge) {
    case 'add': {
      const interval =
        before.interval === undefined || after.interval === undefined
          ? (before.interval ?? after.interval)
          : Math.max(before.interval, after.interval);
      return { second: after.second, value: finite(before.value + after.value), interval };
    }
    case 'min':
      return before.value < after.value ? before : after;
    case 'max':
      return before.value > after.value ? before : after;
    case 'last':
      return after;
  }
}

/** JSON has no infinity, which two counts of 1e308 come to: the largest number is as near as it gets. */
function finite(sum: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(sum, Number.MAX_VALUE));
}
