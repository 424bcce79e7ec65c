import { metricProblem } from '../record.js';
import {
  type Absence,
  type Combination,
  type Comparison,
  COMPARISONS,
  type Condition,
  isUpper,
  type Limit,
  type Ratio,
  type Threshold,
} from './condition.js';
import type { Field } from './field.js';
import { isStatistic, type Statistic, STATISTICS } from './statistic.js';

/** The fields that make a condition. */
export const CONDITION_FIELDS = [
  'metric',
  'statistic',
  'window',
  'minCount',
  'ratio',
  'absent',
  'all',
  'any',
  ...COMPARISONS,
  'recover',
];

const SECOND_MS = 1000;
const MAX_WINDOW_MS = 43_200_000;
const DEFAULT_WINDOW_MS = 60_000;
const MAX_PARTS = 20;
const KINDS = ['metric', 'ratio', 'absent', 'all', 'any'] as const;

/**
 * Reads a condition.
 *
 * @param field - What it is part of: a rule, a level of one, or an item of `all` or `any`.
 * @param base - What a level takes from its rule where it does not say so itself.
 */
export function readCondition(field: Field, base: Field = field): Condition {
  const own = KINDS.filter((kind) => field.at(kind).given);
  const from = own.length > 0 ? field : base;
  const kinds = KINDS.filter((kind) => from.at(kind).given);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const got = kinds.length === 0 ? '' : `, got ${kinds.join(' and ')}`;
    field.bad(
      `a condition: exactly one of ${KINDS.join(', ')}${got === '' ? '' : ` (it has ${kinds.join(' and ')})`}`,
    );
  }
  const pick = (name: string): Field => (field.at(name).given ? field.at(name) : base.at(name));
  switch (kind) {
    case 'metric':
      return readThreshold(field, pick);
    case 'ratio':
      return readRatio(field, pick);
    case 'absent':
      return readAbsence(field, pick);
    case 'all':
    case 'any':
      return readCombination(field, from.at(kind), kind);
  }
}

type Pick = (name: string) => Field;

function readThreshold(field: Field, pick: Pick): Threshold {
  return {
    kind: 'threshold',
    metric: readMetric(pick('metric')),
    statistic: readStatistic(pick('statistic'), 'avg'),
    windowMs: readWindow(pick('window')),
    minCount: readMinCount(pick('minCount'), 1),
    limit: readLimit(field, pick),
  };
}

function readRatio(field: Field, pick: Pick): Ratio {
  const ratio = pick('ratio');
  ratio.mapping(['of', 'to', 'statistic']);
  const statistic = readStatistic(ratio.at('statistic'), 'sum');
  return {
    kind: 'ratio',
    of: { metric: readMetric(ratio.at('of')), statistic },
    to: { metric: readMetric(ratio.at('to')), statistic },
    windowMs: readWindow(pick('window')),
    minCount: readMinCount(pick('minCount'), 1),
    limit: readLimit(field, pick),
  };
}

function readAbsence(field: Field, pick: Pick): Absence {
  for (const name of [...COMPARISONS, 'recover', 'statistic', 'minCount']) {
    if (field.at(name).given) field.at(name).bad('left out beside absent');
  }
  return { kind: 'absent', metric: readMetric(pick('absent')), windowMs: readWindow(pick('window')) };
}

function readCombination(field: Field, list: Field, kind: Combination['kind']): Combination {
  for (const name of ['metric', 'statistic', 'window', 'minCount', ...COMPARISONS, 'recover']) {
    if (field.at(name).given) field.at(name).bad(`part of the conditions in ${kind}`);
  }
  const items = list.items();
  if (items.length < 1 || items.length > MAX_PARTS) list.bad(`a list of 1 to ${MAX_PARTS} conditions`);
  const conditions = items.map((item) => {
    item.mapping(CONDITION_FIELDS);
    return readCondition(item);
  });
  return { kind, conditions };
}

function readMetric(field: Field): string {
  const metric = field.text(undefined, 255);
  return metricProblem(metric) === undefined
    ? metric
    : field.bad('the name of a metric: a letter, then letters, digits and _ . - /');
}

function readStatistic(field: Field, fallback: Statistic): Statistic {
  if (!field.given) return fallback;
  return isStatistic(field.value)
    ? field.value
    : field.bad(`one of ${STATISTICS.join(', ')}, or a quantile such as p95`);
}

function readWindow(field: Field): number {
  return field.duration(SECOND_MS, MAX_WINDOW_MS, DEFAULT_WINDOW_MS);
}

function readMinCount(field: Field, fallback: number): number {
  return field.number('a number of at least 1', (value) => value >= 1, fallback);
}

/** A level that says a comparison of its own takes none from its rule, and no recovery that belongs to that. */
function readLimit(field: Field, pick: Pick): Limit {
  const own = COMPARISONS.filter((name) => field.at(name).given);
  const given = own.length > 0 ? own : COMPARISONS.filter((name) => pick(name).given);
  const [comparison] = given;
  if (comparison === undefined || given.length > 1) {
    field.bad(`a condition with exactly one of ${COMPARISONS.join(', ')}`);
  }
  const isNumber = (): boolean => true;
  const limit = pick(comparison).number('a number', isNumber);
  const recoverField = own.length > 0 ? field.at('recover') : pick('recover');
  const recover = recoverField.number('a number', isNumber, limit);
  checkRecover(recoverField, comparison, limit, recover);
  return { comparison, limit, recover };
}

function checkRecover(field: Field, comparison: Comparison, limit: number, recover: number): void {
  const upper = isUpper(comparison);
  if (upper ? recover <= limit : recover >= limit) return;
  field.bad(`at ${upper ? 'most' : 'least'} ${limit}, which is where the alert begins`);
}
