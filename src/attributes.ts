import { formatNumber, formatString } from './json.js';
import { shown } from './options.js';

/**
 * What an attribute can be: a string, a finite number, a boolean, or an array of one of them.
 *
 * @public
 */
export type AttributeValue =
  string | number | boolean | readonly string[] | readonly number[] | readonly boolean[];

/**
 * Attributes of a series, by key. A key is a well-formed string of at least one character; order means nothing.
 *
 * @public
 */
export interface Attributes {
  /** The value of one attribute. */
  readonly [key: string]: AttributeValue;
}

/** `,"attributes":{…}` with its keys sorted, or nothing where there are none. */
export function formatAttributes(attributes: Attributes): string {
  return new AttributesFormatter().format(attributes);
}

/** A key, and how it stands in a line: behind what comes before it, and before its value. */
type Name = readonly [key: string, text: string];

/**
 * Formats attributes of many points.
 *
 * @remarks
 * Those of one instrument mostly have the same keys, so these are sorted and quoted when they change, and no earlier.
 */
export class AttributesFormatter {
  #keys: readonly string[] = [];
  #names: readonly Name[] = [];

  /** `,"attributes":{…}` with its keys sorted, or nothing where there are none. */
  format(attributes: Attributes): string {
    const keys = Object.keys(attributes);
    if (keys.length === 0) return '';
    if (!isEqual(keys, this.#keys)) {
      this.#keys = keys;
      this.#names = namesOf(keys);
    }
    let text = '';
    for (const [key, name] of this.#names) text += name + formatValue(attributes[key] as AttributeValue);
    return `${text}}`;
  }
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

function namesOf(keys: readonly string[]): Name[] {
  return keys.toSorted().map((key, i) => {
    // The start text of a record must not stand inside one, so this one key is written with an escape.
    const name = key === 'timestamp' ? '"\\u0074imestamp"' : formatString(key);
    return [key, `${i === 0 ? ',"attributes":{' : ','}${name}:`];
  });
}

function formatValue(value: AttributeValue): string {
  if (typeof value === 'string') return formatString(value);
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'boolean' ? `${value}` : `[${value.map(formatValue).join(',')}]`;
}

/** What is wrong with attributes, if anything. */
export function attributesProblem(attributes: unknown): string | undefined {
  if (attributes === undefined) return undefined;
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    return `attributes must be an object, got ${shown(attributes)}`;
  }
  for (const key of Object.keys(attributes)) {
    if (key === '' || !key.isWellFormed())
      return `an attribute's key must be well-formed text, got ${shown(key)}`;
    const value = (attributes as Record<string, unknown>)[key];
    if (!isAttributeValue(value)) {
      return `attribute ${shown(key)} must be a string, finite number, boolean or an array of one of them, got ${shown(value)}`;
    }
  }
  return undefined;
}

/** Whether it is one that a record can hold. */
export function isAttributeValue(value: unknown): value is AttributeValue {
  if (!Array.isArray(value)) return isScalar(value);
  const kind = typeof value[0];
  // `every` would pass over holes, which have no JSON.
  for (const item of value as unknown[]) if (!isScalar(item) || typeof item !== kind) return false;
  return true;
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}
