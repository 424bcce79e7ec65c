import { matchesGlob } from '../analyze/glob.js';
import { agentId } from '../record.js';
import type { Labels } from './labels.js';

/** How a matcher compares. */
export const MATCH_OPERATORS = ['=', '!=', '=~', '!~'] as const;

/**
 * One condition on a label. A label that is missing is an empty text; patterns match all of a value.
 *
 * @public
 */
export interface Matcher {
  /** Name of the label. */
  readonly label: string;
  /** `=` and `!=` compare text, of `agent` also `7` with `agent-7`; `=~` and `!~` a pattern in which `*` stands for any characters and `?` for one. */
  readonly operator: (typeof MATCH_OPERATORS)[number];
  /** What the label is compared with. */
  readonly value: string;
}

/**
 * Keeps alerts from being told for a while. They stay alerts.
 *
 * @public
 */
export interface Silence {
  /** Eight hexadecimal digits. */
  readonly id: string;
  /** All of them have to match. */
  readonly matchers: readonly Matcher[];
  /** Who made it. */
  readonly author: string;
  /** Why. */
  readonly comment: string;
  /** Unix milliseconds of its begin. */
  readonly startsAt: number;
  /** Unix milliseconds of its end. */
  readonly endsAt: number;
}

const MATCHER = /^([A-Za-z_][A-Za-z0-9_.-]*)(=~|!~|!=|=)(.*)$/s;

/** Reads a matcher such as `agent=agent-7` or `alertname=~Memory*`; undefined where it is none. */
export function parseMatcher(text: string): Matcher | undefined {
  const [, label, operator, value] = MATCHER.exec(text) ?? [];
  if (label === undefined || value === undefined) return undefined;
  return { label, operator: operator as Matcher['operator'], value };
}

/** A matcher as {@link parseMatcher} reads it. */
export function matcherText({ label, operator, value }: Matcher): string {
  return `${label}${operator}${value}`;
}

/** The silence that keeps an alert from being told at a time, if one does. */
export function silenceOf(labels: Labels, silences: readonly Silence[], now: number): Silence | undefined {
  return silences.find(
    ({ matchers, startsAt, endsAt }) =>
      startsAt <= now && now < endsAt && matchers.every((matcher) => matches(matcher, labels)),
  );
}

function matches({ label, operator, value }: Matcher, labels: Labels): boolean {
  const found = Object.hasOwn(labels, label) ? (labels[label] ?? '') : '';
  switch (operator) {
    case '=':
      return isSame(label, found, value);
    case '!=':
      return !isSame(label, found, value);
    case '=~':
      return matchesGlob(value, found);
    case '!~':
      return !matchesGlob(value, found);
  }
}

/** Everywhere else, an agent is known by its number. */
function isSame(label: string, found: string, value: string): boolean {
  return found === value || (label === 'agent' && agentId(found) === agentId(value));
}
