import type { GroupKey } from '../analyze/options.js';
import { measureIn, Window } from '../analyze/window.js';
import type { MetricRecord } from '../record.js';
import { needsOf } from './condition.js';
import type { Measure } from './measurements.js';
import type { Rule } from './rule.js';

/** Room for an evaluation that is late, and for records that are. */
const SLACK_MS = 60_000;
const SECOND_MS = 1000;
const DAY_MS = 86_400_000;

interface Part {
  readonly window: Window;
  /** The metrics that the rules look at. */
  readonly metrics: ReadonlySet<string>;
}

/** What rules look at, for as long as they do: a window for each way of grouping, with the metrics that need it. */
export class Windows {
  readonly #parts = new Map<string, Part>();

  /** Keeps nothing yet. */
  constructor(rules: readonly Rule[], intervalMs: number, now: () => number) {
    for (const [key, some] of groupRules(rules)) {
      const { groupBy } = some[0]!;
      const lengthMs = windowLength(some, intervalMs);
      this.#parts.set(key, { window: new Window({ lengthMs, groupBy, now }), metrics: metricsOf(some) });
    }
  }

  /** Takes records. */
  add(records: readonly MetricRecord[]): void {
    for (const { window, metrics } of this.#parts.values()) {
      for (const record of records) if (metrics.has(record.metric)) window.add(record);
    }
  }

  /** Records and series that had no room: their rules do not see them apart. */
  get overflow(): number {
    let count = 0;
    for (const { window } of this.#parts.values()) count += window.counts.overflow + window.counts.discarded;
    return count;
  }

  /** Who answers for rules that group like this. */
  measureBy(groupBy: readonly GroupKey[]): Measure {
    const { window } = this.#parts.get(groupBy.join(' '))!;
    return (query) => measureIn(window, query);
  }
}

/** How far back records matter: growth of a counter looks at the window before as well. */
export function windowLength(rules: readonly Rule[], intervalMs: number): number {
  const lengths = rules.flatMap(({ levels }) =>
    levels.flatMap(({ condition }) =>
      needsOf(condition).map(({ windowMs, statistic }) => windowMs * (statistic === 'growth' ? 2 : 1)),
    ),
  );
  const length = Math.max(intervalMs * 2, ...lengths) + SLACK_MS;
  return Math.min(DAY_MS, Math.ceil(length / SECOND_MS) * SECOND_MS);
}

function groupRules(rules: readonly Rule[]): Map<string, Rule[]> {
  const groups = new Map<string, Rule[]>();
  for (const rule of rules) {
    const key = rule.groupBy.join(' ');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [rule]);
    else group.push(rule);
  }
  return groups;
}

function metricsOf(rules: readonly Rule[]): ReadonlySet<string> {
  const needs = rules.flatMap(({ levels }) => levels.flatMap(({ condition }) => needsOf(condition)));
  return new Set(needs.map(({ metric }) => metric));
}
