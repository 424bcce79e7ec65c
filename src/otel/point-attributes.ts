import type { Attributes, AttributeValue } from '../attributes.js';

/** The attribute that says whom a point is about. */
export const AGENT_ATTRIBUTE = 'agent.id';

/** Attributes of a point or resource, apart from who it is about. */
export interface PointAttributes {
  readonly attributes: Attributes;
  /** What `agent.id` was, whatever it was. */
  readonly agent?: unknown;
}

/**
 * Makes attributes ones that a record can hold, and takes the agent out of them.
 *
 * @remarks
 * What instruments are given reaches an exporter unchecked: objects, dates, NaN, anything. Whatever OpenTelemetry's
 * specification has a text form for gets it (`common/README.md`, "AnyValue representation for non-OTLP protocols");
 * null, undefined and empty keys are left out. Text is made well-formed where it is written.
 *
 * @param source - The user's own object; it is read, never kept or changed.
 */
export function pointAttributes(source: Readonly<Record<string, unknown>>): PointAttributes {
  return isPlain(source) ? { attributes: source as Attributes } : cleaned(source);
}

/** Whether there is nothing to do, as for nearly all. */
function isPlain(source: Readonly<Record<string, unknown>>): boolean {
  for (const key of Object.keys(source)) {
    const value = source[key];
    if (typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)) return false;
    if (key === AGENT_ATTRIBUTE || key === '') return false;
  }
  return true;
}

function cleaned(source: Readonly<Record<string, unknown>>): PointAttributes {
  // without a prototype, `__proto__` is a key like any other
  const attributes = Object.create(null) as Record<string, AttributeValue>;
  let agent: unknown;
  for (const key of Object.keys(source)) {
    const value = source[key];
    if (value === undefined || value === null || key === '') continue;
    if (key === AGENT_ATTRIBUTE) agent = value;
    else attributes[key] = attributeValue(value);
  }
  return { attributes, agent };
}

function attributeValue(value: unknown): AttributeValue {
  if (Array.isArray(value)) return arrayValue(value);
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  return asText(value);
}

/** An array of one kind stays one; any other becomes an array of strings. */
function arrayValue(array: readonly unknown[]): AttributeValue {
  // with undefined where it has holes, which methods of arrays pass over
  const values = Array.from(array);
  if (values.every((value) => Number.isFinite(value))) return values as number[];
  if (values.every((value) => typeof value === 'boolean')) return values;
  return values.map((value) => (value === null || value === undefined ? '' : asText(value)));
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    const json = JSON.stringify(value, (_key, part: unknown) =>
      isWritable(part) ? part : String(part),
    ) as unknown;
    // a Date and its like are strings in JSON already
    return typeof json === 'string' && !json.startsWith('"') ? json : String(JSON.parse(json as string));
  } catch {
    // circular, or with a getter that throws
    return Object.prototype.toString.call(value);
  }
}

/** Whether JSON has a form for it, or leaves it out. */
function isWritable(part: unknown): boolean {
  return typeof part === 'number' ? Number.isFinite(part) : typeof part !== 'bigint';
}
