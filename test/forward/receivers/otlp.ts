import { decodeOtlp, decodeOtlpJson, type OtlpRequest } from '../../support/otlp.js';
import { type Received, Refusal, type Server, startServer } from './server.js';

/** What was read, checked by the schema and no type. */
type Decoded = ReturnType<typeof JSON.parse>;

type Scalar = string | number | boolean;

/** A point as a receiver understands it. */
export interface ToldPoint {
  readonly resource: Readonly<Record<string, Scalar | readonly Scalar[]>>;
  readonly scope: string;
  readonly metric: string;
  readonly unit: string;
  readonly kind: 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram';
  readonly temporality: 'delta' | 'cumulative' | undefined;
  readonly monotonic: boolean;
  readonly attributes: Readonly<Record<string, Scalar | readonly Scalar[]>>;
  /** Unix milliseconds; undefined where it is not known. */
  readonly start: number | undefined;
  readonly time: number;
  /** Value of a gauge or sum; count, sum, min, max and buckets of a histogram. */
  readonly numbers: Readonly<Record<string, unknown>>;
}

/** What a receiver is like. */
export interface OtlpRules {
  readonly path?: string;
  /** Headers that each request has to bear. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxBytes?: number;
  readonly maxRawBytes?: number;
  /** Refuses what New Relic and Datadog have no form for: totals, and sums that may fall. */
  readonly deltasOnly?: boolean;
  readonly maxAttribute?: { readonly name: number; readonly value: number; readonly items: number };
  /** What it says of each request that it takes. */
  readonly partialSuccess?: { readonly rejectedDataPoints: number; readonly errorMessage: string };
}

/** A receiver of OTLP over HTTP, and what it was told. */
export interface OtlpReceiver extends Server {
  readonly points: ToldPoint[];
  readonly requests: OtlpRequest[];
}

/** Starts a receiver that takes what the published schema has, and nothing else. */
export async function startOtlpReceiver(rules: OtlpRules = {}, port = 0): Promise<OtlpReceiver> {
  const { maxBytes = 1_000_000, maxRawBytes = 20 * 2 ** 20, path = '/v1/metrics' } = rules;
  const points: ToldPoint[] = [];
  const requests: OtlpRequest[] = [];
  const server = await startServer(
    { bytes: maxBytes, rawBytes: maxRawBytes },
    (request) => {
      if (request.path !== path) throw new Refusal(404, request.path);
      for (const [name, value] of Object.entries(rules.headers ?? {})) {
        if (request.headers[name] !== value) throw new Refusal(401, `header ${name}`);
      }
      const [decoded, json] = decode(request);
      const told = pointsOf(decoded);
      for (const point of told) judge(point, rules);
      requests.push(decoded);
      points.push(...told);
      return answer(json, rules);
    },
    port,
  );
  return { ...server, points, requests };
}

function decode({ headers, body }: Received): [OtlpRequest, boolean] {
  switch (headers['content-type']) {
    case 'application/x-protobuf':
      return [decodeOtlp(body), false];
    case 'application/json':
      return [decodeOtlpJson(new TextDecoder('utf-8', { fatal: true }).decode(body)), true];
    default:
      throw new Refusal(415, `content-type ${headers['content-type']}`);
  }
}

function answer(json: boolean, { partialSuccess }: OtlpRules): ReturnType<Parameters<typeof startServer>[1]> {
  if (json) {
    const said = partialSuccess && {
      partialSuccess: { ...partialSuccess, rejectedDataPoints: String(partialSuccess.rejectedDataPoints) },
    };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(said ?? {}) };
  }
  return {
    status: 200,
    headers: { 'content-type': 'application/x-protobuf' },
    body: partialSuccess === undefined ? '' : responseBytes(partialSuccess),
  };
}

/** `ExportMetricsServiceResponse` with field 1, a message of a varint and a string; both shorter than 128. */
function responseBytes({
  rejectedDataPoints,
  errorMessage,
}: NonNullable<OtlpRules['partialSuccess']>): Buffer {
  const message = Buffer.from(errorMessage);
  const part = Buffer.concat([Buffer.from([8, rejectedDataPoints, 18, message.length]), message]);
  return Buffer.concat([Buffer.from([10, part.length]), part]);
}

function judge(point: ToldPoint, { deltasOnly = false, maxAttribute }: OtlpRules): void {
  if (point.metric === '') throw new Refusal(400, 'a metric without a name');
  if (deltasOnly && point.temporality === 'cumulative')
    throw new Refusal(400, `${point.metric} is cumulative`);
  if (deltasOnly && point.kind === 'sum' && !point.monotonic)
    throw new Refusal(400, `${point.metric} may fall`);
  if (maxAttribute === undefined) return;
  for (const [name, value] of [...Object.entries(point.attributes), ...Object.entries(point.resource)]) {
    const items = Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar];
    const tooLong = items.some((item) => typeof item === 'string' && item.length > maxAttribute.value);
    if (name.length > maxAttribute.name || items.length > maxAttribute.items || tooLong) {
      throw new Refusal(400, `attribute ${name.slice(0, 40)}`);
    }
  }
}

/** The points of a request, in its order. */
export function pointsOf(request: OtlpRequest): ToldPoint[] {
  return (request.resourceMetrics as readonly Decoded[]).flatMap(({ resource, scopeMetrics = [] }) =>
    (scopeMetrics as readonly Decoded[]).flatMap(({ scope, metrics = [] }) =>
      (metrics as readonly Decoded[]).flatMap((metric) =>
        pointsOfMetric(metric, attributesOf(resource?.attributes), String(scope?.name ?? '')),
      ),
    ),
  );
}

function pointsOfMetric(metric: Decoded, resource: ToldPoint['resource'], scope: string): ToldPoint[] {
  const kinds = (['gauge', 'sum', 'histogram', 'exponentialHistogram'] as const).filter(
    (kind) => metric[kind] !== undefined,
  );
  if (kinds.length !== 1) throw new Refusal(400, `${metric.name} has ${kinds.length} kinds`);
  const kind = kinds[0]!;
  const { dataPoints = [], aggregationTemporality = 0, isMonotonic = false } = metric[kind];
  const temporality = ([undefined, 'delta', 'cumulative'] as const)[aggregationTemporality as number];
  if ((temporality === undefined) !== (kind === 'gauge')) {
    throw new Refusal(400, `temporality of ${metric.name}: ${aggregationTemporality}`);
  }
  return (dataPoints as readonly Decoded[]).map((point) => {
    const { attributes, startTimeUnixNano = 0n, timeUnixNano = 0n, ...numbers } = point;
    if (timeUnixNano === 0n && kind !== 'gauge') throw new Refusal(400, `${metric.name} has no time`);
    return {
      ...{ resource, scope, kind, temporality },
      metric: String(metric.name ?? ''),
      unit: String(metric.unit ?? ''),
      monotonic: Boolean(isMonotonic),
      attributes: attributesOf(attributes),
      start: startTimeUnixNano === 0n ? undefined : millis(startTimeUnixNano),
      time: millis(timeUnixNano),
      numbers: numbersOf(numbers, kind),
    };
  });
}

function numbersOf(numbers: Decoded, kind: ToldPoint['kind']): Record<string, unknown> {
  if (kind === 'gauge' || kind === 'sum') return { value: numbers.asDouble };
  const { count = 0n, sum, min, max } = numbers;
  const summary = { count: Number(count), sum, min, max };
  const list = (counts: readonly bigint[] = []): number[] => counts.map(Number);
  if (kind === 'histogram') {
    const { bucketCounts, explicitBounds = [] } = numbers;
    return { ...summary, bounds: explicitBounds, counts: list(bucketCounts) };
  }
  const side = ({ offset = 0, bucketCounts }: Decoded = {}): unknown => ({
    offset,
    bucketCounts: list(bucketCounts),
  });
  const { scale = 0, zeroCount = 0n, positive, negative } = numbers;
  return {
    ...summary,
    ...{ scale, zeroCount: Number(zeroCount), positive: side(positive), negative: side(negative) },
  };
}

function attributesOf(attributes: readonly Decoded[] = []): ToldPoint['attributes'] {
  const entries = attributes.map(({ key = '', value = {} }): [string, Decoded] => [key, valueOf(value)]);
  const keys = new Set(entries.map(([key]) => key));
  if (keys.size !== entries.length) throw new Refusal(400, 'an attribute is there twice');
  return Object.fromEntries(entries);
}

function valueOf(value: Decoded): unknown {
  const [[kind, inner] = ['none', undefined], ...others] = Object.entries(value);
  if (others.length > 0) throw new Refusal(400, 'a value of two kinds');
  if (kind === 'arrayValue') return ((inner as Decoded).values ?? []).map(valueOf);
  if (kind === 'intValue') return Number(inner);
  if (kind === 'stringValue' || kind === 'boolValue' || kind === 'doubleValue') return inner;
  throw new Refusal(400, `a value of kind ${kind}`);
}

function millis(nanos: bigint): number {
  if (nanos % 1_000_000n !== 0n) throw new Refusal(400, `${nanos} ns`);
  return Number(nanos / 1_000_000n);
}
