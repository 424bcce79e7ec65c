import type { Measured } from '../analyze/window-measured.js';
import type { Measurements } from './measurements.js';
import type { Statistic } from './statistic.js';

/**
 * How a value is compared with a limit.
 *
 * @public
 */
export const COMPARISONS = ['above', 'below', 'atLeast', 'atMost'] as const;

/**
 * One of {@link COMPARISONS}.
 *
 * @public
 */
export type Comparison = (typeof COMPARISONS)[number];

/** What a value is compared with. */
export interface Limit {
  readonly comparison: Comparison;
  /** Beyond it, an alert begins. */
  readonly limit: number;
  /** Beyond it, an alert that fires goes on; the limit itself where nothing else was said. */
  readonly recover: number;
}

/** One statistic of one metric, compared. */
export interface Threshold {
  readonly kind: 'threshold';
  readonly metric: string;
  readonly statistic: Statistic;
  readonly windowMs: number;
  /** Fewer values than these say nothing. */
  readonly minCount: number;
  readonly limit: Limit;
}

/** One statistic of a metric by that of another, compared. */
export interface Ratio {
  readonly kind: 'ratio';
  readonly of: { readonly metric: string; readonly statistic: Statistic };
  readonly to: { readonly metric: string; readonly statistic: Statistic };
  readonly windowMs: number;
  /** A smaller divisor than this says nothing: three of four messages are no rate. */
  readonly minCount: number;
  readonly limit: Limit;
}

/** That there is no value of a metric. */
export interface Absence {
  readonly kind: 'absent';
  readonly metric: string;
  readonly windowMs: number;
}

/** Always true: a heartbeat. */
export interface Always {
  readonly kind: 'always';
}

/** Several conditions together. */
export interface Combination {
  readonly kind: 'all' | 'any';
  readonly conditions: readonly Condition[];
}

/** What has to be so for a rule to alert. */
export type Condition = Threshold | Ratio | Absence | Always | Combination;

/** What a condition says of one group at one moment. */
export interface Verdict {
  /** `unknown`: there is nothing to judge by. */
  readonly state: 'breach' | 'clear' | 'unknown';
  readonly value: number | null;
  readonly limit: number | null;
}

const UNKNOWN: Verdict = { state: 'unknown', value: null, limit: null };

/**
 * Evaluates a condition for one group.
 *
 * @param group - Key of the group among the measurements.
 * @param firing - Whether the alert fires already, so that the recovery limit counts.
 * @param awaited - Whether it is too early to call anything of the group missing.
 */
export function judge(
  condition: Condition,
  measurements: Measurements,
  group: string,
  firing: boolean,
  awaited: boolean,
): Verdict {
  switch (condition.kind) {
    case 'threshold':
      return judgeThreshold(condition, measurements, group, firing);
    case 'ratio':
      return judgeRatio(condition, measurements, group, firing);
    case 'absent': {
      const { metric, windowMs } = condition;
      const count = measurements.count(metric, windowMs, group);
      if (count === 0 && awaited) return UNKNOWN;
      return { state: count === 0 ? 'breach' : 'clear', value: count, limit: null };
    }
    case 'always':
      return { state: 'breach', value: 1, limit: null };
    case 'all':
    case 'any':
      return combine(
        condition.kind,
        condition.conditions.map((part) => judge(part, measurements, group, firing, awaited)),
      );
  }
}

/** The metrics that a condition looks at, each with how far back and for which statistic. */
export function needsOf(condition: Condition): { metric: string; windowMs: number; statistic: Statistic }[] {
  switch (condition.kind) {
    case 'threshold':
      return [condition];
    case 'ratio': {
      const { of, to, windowMs } = condition;
      return [
        { ...of, windowMs },
        { ...to, windowMs },
      ];
    }
    case 'absent':
      return [{ ...condition, statistic: 'count' }];
    case 'always':
      return [];
    case 'all':
    case 'any':
      return condition.conditions.flatMap(needsOf);
  }
}

/** Whether groups that are not there can make the condition true, so that they have to be remembered. */
export function looksForAbsence(condition: Condition): boolean {
  if (condition.kind === 'all' || condition.kind === 'any') return condition.conditions.some(looksForAbsence);
  return condition.kind === 'absent';
}

function judgeThreshold(
  condition: Threshold,
  measurements: Measurements,
  group: string,
  firing: boolean,
): Verdict {
  const { metric, statistic, windowMs, minCount, limit } = condition;
  let worst: number | undefined;
  for (const measured of measurements.of(metric, windowMs, group)) {
    const value = enough(measured, minCount) ? measurements.value(measured, statistic, windowMs) : null;
    if (value === null || Number.isNaN(value)) continue;
    if (worst === undefined || isWorse(limit, value, worst)) worst = value;
  }
  return worst === undefined ? { ...UNKNOWN, limit: limit.limit } : compare(limit, worst, firing);
}

function enough({ count }: Measured, minCount: number): boolean {
  return count > 0 && count >= minCount;
}

function judgeRatio(condition: Ratio, measurements: Measurements, group: string, firing: boolean): Verdict {
  const { of, to, windowMs, minCount, limit } = condition;
  const divisor = total(to.metric, to.statistic, windowMs, measurements, group);
  if (divisor === undefined || divisor === 0 || Math.abs(divisor) < minCount) {
    return { ...UNKNOWN, limit: limit.limit };
  }
  // What was never counted was never done: no message delivered of a hundred is a rate of 0.
  const dividend = total(of.metric, of.statistic, windowMs, measurements, group) ?? 0;
  const ratio = dividend / divisor;
  return Number.isNaN(ratio) ? { ...UNKNOWN, limit: limit.limit } : compare(limit, ratio, firing);
}

/** Of a metric in several types or units the sum. */
function total(
  metric: string,
  statistic: Statistic,
  windowMs: number,
  measurements: Measurements,
  group: string,
): number | undefined {
  let sum: number | undefined;
  for (const measured of measurements.of(metric, windowMs, group)) {
    const value = measurements.value(measured, statistic, windowMs);
    if (value !== null) sum = (sum ?? 0) + value;
  }
  return sum;
}

function compare({ comparison, limit, recover }: Limit, value: number, firing: boolean): Verdict {
  const against = firing ? recover : limit;
  return { state: isBeyond(comparison, value, against) ? 'breach' : 'clear', value, limit };
}

function isBeyond(comparison: Comparison, value: number, limit: number): boolean {
  switch (comparison) {
    case 'above':
      return value > limit;
    case 'below':
      return value < limit;
    case 'atLeast':
      return value >= limit;
    case 'atMost':
      return value <= limit;
  }
}

/** Whether high values are the bad ones. */
export function isUpper(comparison: Comparison): boolean {
  return comparison === 'above' || comparison === 'atLeast';
}

function isWorse({ comparison }: Limit, value: number, than: number): boolean {
  return isUpper(comparison) ? value > than : value < than;
}

/** After Kleene: what is unknown decides nothing, unless the others leave no choice. */
function combine(kind: 'all' | 'any', verdicts: readonly Verdict[]): Verdict {
  const decisive = kind === 'all' ? 'clear' : 'breach';
  const found =
    verdicts.find(({ state }) => state === decisive) ?? verdicts.find(({ state }) => state === 'unknown');
  return found ?? verdicts[0]!;
}
