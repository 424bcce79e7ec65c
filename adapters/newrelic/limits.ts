import type { Attributes, AttributeValue } from '../../src/attributes.js';

/** https://docs.newrelic.com/docs/opentelemetry/best-practices/opentelemetry-otlp/#attribute-limits */
const MAX_NAME = 255;
const MAX_VALUE = 4095;
const MAX_ITEMS = 64;

/**
 * What New Relic takes of attributes: names of up to 255 characters, texts of up to 4,095, arrays of up to 64. A name that
 * is longer is left out, as there; a text and an array are cut here rather than there, so that it is known where.
 */
export function limitedAttributes(attributes: Attributes): Attributes {
  if (Object.entries(attributes).every(([name, value]) => isShort(name, value))) return attributes;
  const short = Object.entries(attributes).filter(([name]) => name.length <= MAX_NAME);
  return Object.fromEntries(short.map(([name, value]) => [name, limited(value)]));
}

function isShort(name: string, value: AttributeValue): boolean {
  if (name.length > MAX_NAME) return false;
  if (typeof value === 'string') return value.length <= MAX_VALUE;
  if (!isArray(value)) return true;
  return value.length <= MAX_ITEMS && value.every((item) => isShort('', item as AttributeValue));
}

function limited(value: AttributeValue): AttributeValue {
  if (typeof value === 'string') return value.slice(0, MAX_VALUE).toWellFormed();
  if (!isArray(value)) return value;
  return value.slice(0, MAX_ITEMS).map((item) => limited(item as AttributeValue)) as AttributeValue;
}

function isArray(value: AttributeValue): value is Extract<AttributeValue, readonly unknown[]> {
  return Array.isArray(value);
}
