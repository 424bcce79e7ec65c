import type { GroupKey } from '../analyze/options.js';
import { ANNOTATION_VARIABLES } from './compose.js';
import type { Field } from './field.js';
import { SEVERITIES, type Severity } from './notification.js';
import { CONDITION_FIELDS, readCondition } from './read-condition.js';
import { type Level, NO_DATA, type NoData, type Rule } from './rule.js';
import { templateProblem } from './template.js';

const DAY_MS = 86_400_000;
const MAX_FOR_MS = 7 * DAY_MS;
const LEVEL_FIELDS = [...CONDITION_FIELDS, 'for', 'keepFiringFor'];
const RULE_FIELDS = [
  'name',
  ...LEVEL_FIELDS,
  'levels',
  'severity',
  'groupBy',
  'noData',
  'forgetAfter',
  'repeatInterval',
  'labels',
  'annotations',
  'summary',
  'description',
  'channels',
];
const LABEL = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const RESERVED = ['alertname', 'severity'];
const DEFAULT_REPEAT_MS = 300_000;

/** Reads a rule. */
export function readRule(field: Field): Rule {
  field.mapping(RULE_FIELDS);
  const labels = field.at('labels').labels(LABEL, 'a letter, then letters, digits and _', 200);
  for (const name of RESERVED)
    if (name in labels) field.at('labels').at(name).bad('left out: it is set by itself');
  const texts = field.at('annotations').labels(LABEL, 'a letter, then letters, digits and _', 2000);
  for (const name of ['summary', 'description'] as const) {
    if (field.at(name).given) texts[name] = field.at(name).text(undefined, 2000);
  }
  for (const name of Object.keys(texts)) {
    const written = field.at(name).given ? field.at(name) : field.at('annotations').at(name);
    const problem = templateProblem(texts[name]!, ANNOTATION_VARIABLES);
    if (problem !== undefined) written.problem(problem);
  }
  const channels = field.at('channels');
  return {
    name: field.at('name').text(undefined, 200),
    levels: readLevels(field),
    groupBy: readGroupBy(field.at('groupBy')),
    noData: readNoData(field.at('noData')),
    forgetMs: field.at('forgetAfter').duration(60_000, 366 * DAY_MS, DAY_MS),
    repeatMs: field.at('repeatInterval').duration(1000, 366 * DAY_MS, DEFAULT_REPEAT_MS),
    labels,
    annotations: texts,
    channels: channels.given ? channels.texts() : undefined,
  };
}

function readLevels(field: Field): Level[] {
  const levels = field.at('levels');
  if (!levels.given) {
    const severity = field.at('severity').word(SEVERITIES, 'warning');
    return [readLevel(field, field, severity)];
  }
  if (field.at('severity').given) field.at('severity').bad('left out beside levels');
  levels.mapping(SEVERITIES);
  const found = SEVERITIES.filter((severity) => levels.at(severity).given);
  if (found.length === 0) levels.bad(`a mapping with some of ${SEVERITIES.join(', ')}`);
  return found.map((severity) => {
    levels.at(severity).mapping(LEVEL_FIELDS);
    return readLevel(levels.at(severity), field, severity);
  });
}

function readLevel(field: Field, rule: Field, severity: Severity): Level {
  const pick = (name: string): Field => (field.at(name).given ? field.at(name) : rule.at(name));
  return {
    severity,
    condition: readCondition(field, rule),
    forMs: pick('for').duration(0, MAX_FOR_MS, 0),
    keepFiringForMs: pick('keepFiringFor').duration(0, MAX_FOR_MS, 0),
  };
}

function readGroupBy(field: Field): GroupKey[] {
  const keys = field.items().map((item) => {
    const { value } = item;
    if (value === 'agent' || (typeof value === 'string' && /^attr:.{1,100}$/.test(value)))
      return value as GroupKey;
    return item.bad('agent or attr:NAME');
  });
  return [...new Set(keys)];
}

function readNoData(field: Field): Rule['noData'] {
  const read = (word: Field): NoData => word.word(NO_DATA, 'keepLast');
  if (typeof field.value !== 'object' || field.value === null) {
    const policy = read(field);
    return { none: policy, vanished: policy };
  }
  field.mapping(['none', 'vanished']);
  return { none: read(field.at('none')), vanished: read(field.at('vanished')) };
}
