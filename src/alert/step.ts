import { judge, looksForAbsence } from './condition.js';
import { fingerprint } from './labels.js';
import type { Measurements } from './measurements.js';
import type { Severity } from './notification.js';
import type { NoData, Rule } from './rule.js';
import {
  inputOf,
  type Instance,
  type LevelState,
  newInstance,
  type Reason,
  stepInstance,
  stepLevel,
} from './state.js';

/** A rule, as its alerts see it. */
export interface AlertRule {
  readonly rule: Rule;
  /** Whether groups are remembered although nothing is wrong with them, since their absence would be. */
  readonly remembers: boolean;
}

/** A group of a rule, or the rule as a whole. */
interface Place {
  readonly key: string;
  /** Whether it has values now. */
  readonly seen: boolean;
  /** Whether any group of the rule has. */
  readonly others: boolean;
  /** Whether it is too early to call anything of it missing. */
  readonly awaited: boolean;
}

/** The next state of one alert; undefined where there is nothing to know. */
export function stepAlert(
  { rule, remembers }: AlertRule,
  measurements: Measurements,
  { key, seen, others, awaited }: Place,
  before: Instance | undefined,
  now: number,
): Instance | undefined {
  const stands = rule.groupBy.length > 0 && key === '';
  const policy = policyOf(rule, seen, others);
  const forgotten = before !== undefined && isForgotten(rule, before, now);
  const over = forgotten || (stands && others);
  const levels: Partial<Record<Severity, LevelState>> = {};
  // Of the worst level that is pending or fires, else of the least one.
  let { value, limit }: Pick<Instance, 'value' | 'limit'> = { value: null, limit: null };
  let active = false;
  let unknown = false;
  for (const level of rule.levels) {
    const { severity } = level;
    const state = before?.levels[severity];
    const verdict = judge(level.condition, measurements, key, state?.status === 'firing', awaited);
    unknown ||= verdict.state === 'unknown';
    const next = stepLevel(level, state, over ? 'clear' : inputOf(verdict, policy), now);
    if (!active) ({ value, limit } = verdict);
    if (next === undefined) continue;
    levels[severity] = next;
    active = true;
  }
  if (before === undefined && !remembers && !active) return undefined;
  const labels = stands ? {} : measurements.labels(key);
  const instance = before ?? newInstance(fingerprint(rule.name, labels), rule.name, labels);
  // While nothing is measured, what was measured last is more than nothing.
  if (!seen && value === null) ({ value } = instance);
  const reason = forgotten ? 'forgotten' : unknown ? reasonOf(seen, others) : null;
  return stepInstance(instance, { levels, value, limit, seen, reason }, now);
}

/** Where a series is there and has too little to judge by, nothing is missing. */
function policyOf({ noData }: Rule, seen: boolean, others: boolean): NoData {
  const policy = seen || others ? noData.vanished : noData.none;
  return seen && policy === 'alert' ? 'keepLast' : policy;
}

function reasonOf(seen: boolean, others: boolean): Reason | null {
  if (seen) return null;
  return others ? 'vanished' : 'noData';
}

/** A rule that asks for absence as a whole waits for ever; one that asks each agent would else never forget one. */
export function isForgotten(rule: Rule, { seenAt, group }: Instance, now: number): boolean {
  if (seenAt === null) return false;
  const whole = Object.keys(group).length === 0;
  const waits =
    rule.noData.none === 'alert' || rule.levels.some(({ condition }) => looksForAbsence(condition));
  return !(whole && waits) && now - seenAt >= rule.forgetMs;
}
