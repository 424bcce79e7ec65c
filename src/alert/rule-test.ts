import type { MetricRecord, RecordType } from '../record.js';
import { composeAlert, labelsOfAlert } from './compose.js';
import { Engine } from './engine.js';
import type { Severity } from './notification.js';
import type { Alerts, Rule } from './rule.js';
import type { Instance } from './state.js';
import { Windows } from './windows.js';

/** A series of a test. */
export interface TestSeries {
  readonly metric: string;
  readonly agent: string;
  readonly type: RecordType | undefined;
  readonly unit: string | undefined;
  readonly attributes: Readonly<Record<string, string>> | undefined;
  /** One an interval, null where there is none. */
  readonly samples: readonly (number | null)[];
}

/** An alert that a test expects; what it does not name may be anything. */
export interface ExpectedAlert {
  readonly status: 'pending' | 'firing';
  readonly severity: Severity | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** All alerts that a rule has at a time. */
export interface Expectation {
  readonly atMs: number;
  readonly rule: string;
  readonly alerts: readonly ExpectedAlert[];
  /** As an error names it. */
  readonly where: string;
}

/** One test of rules. */
export interface RuleTest {
  readonly name: string;
  readonly intervalMs: number;
  readonly series: readonly TestSeries[];
  readonly expect: readonly Expectation[];
}

/** Any time will do; it is the same in all runs. */
const START = Date.UTC(2026, 0, 1);

/**
 * Runs a test: stores the samples, and evaluates the rules, an interval at a time.
 *
 * @returns What was not as expected, a line each.
 */
export function runRuleTest({ intervalMs, series, expect }: RuleTest, { rules }: Alerts): string[] {
  let now = START;
  const windows = new Windows(rules, intervalMs, () => now);
  const engine = new Engine(rules);
  const failures: string[] = [];
  const open = [...expect].sort((a, b) => a.atMs - b.atMs);
  let previous = -Infinity;
  for (let i = 0; open.length > 0; i += 1) {
    now = START + i * intervalMs;
    windows.add(series.flatMap((one) => recordAt(one, i, now)));
    engine.evaluate({ now, previous, measureBy: (groupBy) => windows.measureBy(groupBy) });
    previous = now;
    while (open.length > 0 && START + open[0]!.atMs < now + intervalMs)
      failures.push(...check(open.shift()!, engine));
  }
  return failures;
}

function recordAt({ samples, ...series }: TestSeries, i: number, time: number): MetricRecord[] {
  const value = samples[i] ?? null;
  return value === null ? [] : [{ time, value, ...series }];
}

function check({ rule: name, alerts, where }: Expectation, engine: Engine): string[] {
  const rule = engine.rule(name);
  const left = [...engine.instances()].filter(
    ({ rule: of, status }) => of === name && (status === 'firing' || status === 'pending'),
  );
  const missing = alerts.filter((alert) => {
    const found = left.findIndex((instance) => isAsExpected(instance, alert, rule));
    if (found >= 0) left.splice(found, 1);
    return found < 0;
  });
  // One that is pending need not be named, as with promtool.
  const surplus = left.filter(({ status }) => status === 'firing');
  const got = left.map((instance) => shownInstance(instance, rule)).join('; ');
  return [
    ...missing.map(
      (alert) => `${where}: expected ${shownExpected(name, alert)}, got ${got === '' ? 'none' : got}`,
    ),
    ...(missing.length === 0
      ? surplus.map((instance) => `${where}: did not expect ${shownInstance(instance, rule)}`)
      : []),
  ];
}

function isAsExpected(instance: Instance, expected: ExpectedAlert, rule: Rule | undefined): boolean {
  const { status, severity } = expected;
  if (instance.status !== status || (severity !== undefined && instance.severity !== severity)) return false;
  const annotations = composeAlert(instance, rule)?.annotations ?? {};
  return (
    includes(labelsOfAlert(instance, rule), expected.labels) && includes(annotations, expected.annotations)
  );
}

function includes(all: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>): boolean {
  return Object.entries(some).every(([name, text]) => Object.hasOwn(all, name) && all[name] === text);
}

function shownInstance(instance: Instance, rule: Rule | undefined): string {
  const { status, severity, value } = instance;
  const annotations = composeAlert(instance, rule)?.annotations ?? {};
  const about = JSON.stringify({ ...labelsOfAlert(instance, rule), ...annotations });
  return `${status} ${severity} ${about}, value ${value ?? 'unknown'}`;
}

function shownExpected(name: string, { status, severity, labels, annotations }: ExpectedAlert): string {
  return [status, severity ?? 'of any severity', name, JSON.stringify({ ...labels, ...annotations })].join(
    ' ',
  );
}
