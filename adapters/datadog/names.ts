import type { Attributes, AttributeValue } from '../../src/attributes.js';

/** https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics */
const MAX_NAME = 200;
/** https://docs.datadoghq.com/getting_started/tagging/#define-tags */
const MAX_TAG = 200;

const PLAIN_TAG = /^[a-z][a-z0-9_./:-]{0,198}[a-z0-9_./-]$/;

/**
 * The name of a metric as Datadog has it: what it does not allow becomes an underscore.
 *
 * @returns Undefined where it is longer than 200 characters: cut off, two metrics could become one.
 */
export function metricName(name: string): string | undefined {
  return name.length > MAX_NAME ? undefined : name.replace(/[^A-Za-z0-9_.]/g, '_');
}

/** The tags of attributes, in order; an array is a tag for each of its items, and a key without a value is none. */
export function tagsOf(attributes: Attributes): string[] {
  const tags: string[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (!Array.isArray(value)) pushTag(tags, key, value);
    else for (const item of value as readonly AttributeValue[]) pushTag(tags, key, item);
  }
  return tags;
}

function pushTag(tags: string[], key: string, value: AttributeValue): void {
  const text = String(value);
  if (text !== '') tags.push(tag(key, text));
}

/**
 * A tag as Datadog keeps it: a letter first, then letters, digits and `_ - : . /`, all of them small, no colon at the end,
 * 200 characters.
 *
 * @remarks
 * It would make one of any other. It is made here, since tags that become one must be told as one: of two values of one
 * second Datadog keeps the last.
 */
export function tag(key: string, value: string): string {
  const plain = `${key}:${value}`;
  if (PLAIN_TAG.test(plain) && !key.includes(':')) return plain;
  const name = allowed(key).replaceAll(':', '_');
  const whole = `${/^\p{L}/u.test(name) ? name : `attr_${name}`}:${withoutColonLast(allowed(value))}`;
  return whole.length <= MAX_TAG ? whole : withoutColonLast(Array.from(whole).slice(0, MAX_TAG).join(''));
}

function withoutColonLast(text: string): string {
  return text.replace(/:+$/, (colons) => '_'.repeat(colons.length));
}

function allowed(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}_\-:./]/gu, '_');
}
