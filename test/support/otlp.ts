/** How a field is written, or the message it holds; an array where it may come more than once. */
type Kind =
  'string' | 'bool' | 'uint32' | 'uint64' | 'int64' | 'sint32' | 'fixed64' | 'sfixed64' | 'double' | 'enum';
type Field = readonly [name: string, kind: Kind | Message | readonly [Kind | Message]];
interface Message {
  readonly [number: number]: Field;
}

/** A point as it arrived: of the fields of all kinds, those that were sent. */
export interface OtlpPoint {
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly asDouble?: number;
  readonly startTimeUnixNano: bigint | string;
  readonly timeUnixNano: bigint | string;
}

/** A metric as it arrived: of the four kinds, the one that was sent. */
export interface OtlpMetric {
  readonly name: string;
  readonly [kind: string]: unknown;
}

/** A request as it arrived. */
export interface OtlpRequest {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

const KEY_VALUE: { [number: number]: Field } = { 1: ['key', 'string'] };
const ARRAY_VALUE: { [number: number]: Field } = {};
const ANY_VALUE: Message = {
  1: ['stringValue', 'string'],
  2: ['boolValue', 'bool'],
  3: ['intValue', 'int64'],
  4: ['doubleValue', 'double'],
  5: ['arrayValue', ARRAY_VALUE],
};
KEY_VALUE[2] = ['value', ANY_VALUE];
ARRAY_VALUE[1] = ['values', [ANY_VALUE]];

const TIMES = { 2: ['startTimeUnixNano', 'fixed64'], 3: ['timeUnixNano', 'fixed64'] } satisfies Message;
const NUMBER_POINT: Message = {
  ...TIMES,
  4: ['asDouble', 'double'],
  6: ['asInt', 'sfixed64'],
  7: ['attributes', [KEY_VALUE]],
  8: ['flags', 'uint32'],
};
const HISTOGRAM_POINT: Message = {
  ...TIMES,
  4: ['count', 'fixed64'],
  5: ['sum', 'double'],
  6: ['bucketCounts', ['fixed64']],
  7: ['explicitBounds', ['double']],
  9: ['attributes', [KEY_VALUE]],
  10: ['flags', 'uint32'],
  11: ['min', 'double'],
  12: ['max', 'double'],
};
const BUCKETS: Message = { 1: ['offset', 'sint32'], 2: ['bucketCounts', ['uint64']] };
const EXPONENTIAL_POINT: Message = {
  1: ['attributes', [KEY_VALUE]],
  ...TIMES,
  4: ['count', 'fixed64'],
  5: ['sum', 'double'],
  6: ['scale', 'sint32'],
  7: ['zeroCount', 'fixed64'],
  8: ['positive', BUCKETS],
  9: ['negative', BUCKETS],
  10: ['flags', 'uint32'],
  12: ['min', 'double'],
  13: ['max', 'double'],
  14: ['zeroThreshold', 'double'],
};
const TEMPORALITY: Field = ['aggregationTemporality', 'enum'];
const METRIC: Message = {
  1: ['name', 'string'],
  2: ['description', 'string'],
  3: ['unit', 'string'],
  5: ['gauge', { 1: ['dataPoints', [NUMBER_POINT]] }],
  7: ['sum', { 1: ['dataPoints', [NUMBER_POINT]], 2: TEMPORALITY, 3: ['isMonotonic', 'bool'] }],
  9: ['histogram', { 1: ['dataPoints', [HISTOGRAM_POINT]], 2: TEMPORALITY }],
  10: ['exponentialHistogram', { 1: ['dataPoints', [EXPONENTIAL_POINT]], 2: TEMPORALITY }],
};
const SCOPE: Message = { 1: ['name', 'string'], 2: ['version', 'string'], 3: ['attributes', [KEY_VALUE]] };
const RESOURCE: Message = { 1: ['attributes', [KEY_VALUE]], 2: ['droppedAttributesCount', 'uint32'] };
const SCOPE_METRICS: Message = { 1: ['scope', SCOPE], 2: ['metrics', [METRIC]], 3: ['schemaUrl', 'string'] };
const RESOURCE_METRICS: Message = {
  1: ['resource', RESOURCE],
  2: ['scopeMetrics', [SCOPE_METRICS]],
  3: ['schemaUrl', 'string'],
};

/**
 * `ExportMetricsServiceRequest` of https://github.com/open-telemetry/opentelemetry-proto
 * (collector/metrics/v1/metrics_service.proto and what it imports), as far as metrics of the JavaScript SDK need it.
 */
const REQUEST: Message = { 1: ['resourceMetrics', [RESOURCE_METRICS]] };

const WIRE: Readonly<Record<Kind, number>> = {
  ...{ string: 2, bool: 0, uint32: 0, uint64: 0, int64: 0, sint32: 0, enum: 0 },
  ...{ fixed64: 1, sfixed64: 1, double: 1 },
};

/** Decodes a request, and throws at anything that the schema does not have. */
export function decodeOtlp(bytes: Buffer): OtlpRequest {
  return decodeMessage(new Input(bytes), REQUEST) as unknown as OtlpRequest;
}

/** Checks that a request in JSON has nothing that the schema does not have, and gives it. */
export function checkOtlpJson(json: unknown): OtlpRequest {
  checkObject(json, REQUEST, 'request');
  return json as OtlpRequest;
}

/**
 * Reads a request in the JSON of protobuf (https://protobuf.dev/programming-guides/json/) into what {@link decodeOtlp} makes
 * of the same one in bytes, and throws at anything that the schema does not have.
 */
export function decodeOtlpJson(text: string): OtlpRequest {
  return jsonMessage(JSON.parse(text), REQUEST, 'request') as unknown as OtlpRequest;
}

function jsonMessage(json: unknown, message: Message, path: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${path} is no object`);
  const fields = new Map(Object.values(message).map(([name, kind]) => [name, kind]));
  const decoded: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    const kind = fields.get(name);
    if (kind === undefined) throw new Error(`there is no field ${name} in ${path}`);
    if (!Array.isArray(kind)) {
      decoded[name] = jsonField(value, kind as Kind | Message, `${path}.${name}`);
      continue;
    }
    if (!Array.isArray(value)) throw new Error(`${path}.${name} is no array`);
    const item = (kind as readonly unknown[])[0] as Kind | Message;
    decoded[name] = value.map((each) => jsonField(each, item, `${path}.${name}`));
  }
  return decoded;
}

const JSON_DOUBLES = new Map(['NaN', 'Infinity', '-Infinity', '-0'].map((word) => [word, Number(word)]));

function jsonField(value: unknown, kind: Kind | Message, path: string): unknown {
  if (typeof kind !== 'string') return jsonMessage(value, kind, path);
  const wrong = new Error(`${path} is no ${kind}: ${JSON.stringify(value)}`);
  switch (kind) {
    case 'double': {
      const double = typeof value === 'string' ? JSON_DOUBLES.get(value) : value;
      if (typeof double !== 'number') throw wrong;
      return double;
    }
    case 'string':
    case 'bool':
      if (typeof value !== (kind === 'bool' ? 'boolean' : kind)) throw wrong;
      return value;
    case 'enum':
    case 'uint32':
    case 'sint32':
      if (!Number.isInteger(value)) throw wrong;
      return value;
    case 'int64':
    case 'sfixed64':
    case 'uint64':
    case 'fixed64': {
      // a decimal string, which is the only form that holds all of them
      if (typeof value !== 'string' || !/^-?[0-9]+$/.test(value)) throw wrong;
      const number = BigInt(value);
      const signed = kind === 'int64' || kind === 'sfixed64';
      if ((signed ? BigInt.asIntN(64, number) : BigInt.asUintN(64, number)) !== number) throw wrong;
      return number;
    }
  }
}

class Input {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes.readUInt8(this.#at);
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a varint is too long');
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error('cut off');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  scalar(kind: Kind): unknown {
    if (kind === 'double') return this.take(8).readDoubleLE();
    if (kind === 'fixed64') return this.take(8).readBigUInt64LE();
    if (kind === 'sfixed64') return this.take(8).readBigInt64LE();
    if (kind === 'string')
      return new TextDecoder('utf-8', { fatal: true }).decode(this.take(Number(this.varint())));
    const value = this.varint();
    if (kind === 'bool') return value !== 0n;
    if (kind === 'sint32') return Number((value >> 1n) ^ -(value & 1n));
    if (kind === 'uint64') return value;
    return kind === 'int64' ? BigInt.asIntN(64, value) : Number(value);
  }
}

function decodeMessage(input: Input, message: Message): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  while (!input.done) {
    const tag = Number(input.varint());
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    const field = message[number];
    if (field === undefined) throw new Error(`there is no field ${number}`);
    const [name, kind] = field;
    if (!Array.isArray(kind)) {
      decoded[name] = decodeField(input, kind as Kind | Message, wire, name);
      continue;
    }
    const item = (kind as readonly unknown[])[0] as Kind | Message;
    const items = (decoded[name] ??= []) as unknown[];
    if (typeof item === 'string' && item !== 'string' && wire === 2) {
      const packed = new Input(input.take(Number(input.varint())));
      while (!packed.done) items.push(packed.scalar(item));
    } else {
      items.push(decodeField(input, item, wire, name));
    }
  }
  return decoded;
}

function decodeField(input: Input, kind: Kind | Message, wire: number, name: string): unknown {
  if (wire !== (typeof kind === 'string' ? WIRE[kind] : 2)) throw new Error(`${name} has wire type ${wire}`);
  if (typeof kind === 'string') return input.scalar(kind);
  return decodeMessage(new Input(input.take(Number(input.varint()))), kind);
}

function checkObject(json: unknown, message: Message, path: string): void {
  const fields = new Map(Object.values(message).map(([name, kind]) => [name, kind]));
  for (const [name, value] of Object.entries(json as object)) {
    const kind = fields.get(name);
    if (kind === undefined) throw new Error(`there is no field ${name} in ${path}`);
    const item = (Array.isArray(kind) ? (kind as readonly unknown[])[0] : kind) as Kind | Message;
    if (typeof item === 'string') continue;
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value])
      checkObject(each, item, `${path}.${name}`);
  }
}
