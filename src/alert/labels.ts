import { createHash } from 'node:crypto';

/** What tells the alerts of one rule apart. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Labels as text that is the same for the same labels, in whatever order they were said.
 *
 * @remarks
 * JSON, so that no value can look like the border between two.
 */
export function labelsText(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * What an alert is known by, here and by every receiver: 16 hexadecimal digits.
 *
 * @remarks
 * Made of the rule's name and of what the alerts of the rule are grouped by, and of nothing else. Severity is left out, so
 * that an alert that gets worse stays the same alert; so are labels that the rule adds, which people edit.
 */
export function fingerprint(rule: string, group: Labels): string {
  return createHash('sha256')
    .update(JSON.stringify([rule, labelsText(group)]))
    .digest('hex')
    .slice(0, 16);
}

/** Labels of a list of pairs; a label named `__proto__` is like any other. */
export function labelsOf(pairs: readonly (readonly [string, string])[]): Labels {
  return Object.fromEntries(pairs);
}
