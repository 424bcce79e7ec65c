import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ResourceOf } from '../backend.js';
import type { Point } from '../point.js';
import { type OtlpForm, resourceMetricsOf } from './metrics.js';
import type { Serializers } from './serializers.js';

/** How OTLP is written over HTTP, by the names of `OTEL_EXPORTER_OTLP_PROTOCOL`. */
export const OTLP_PROTOCOLS = ['http/protobuf', 'http/json'] as const;

/** One of {@link OTLP_PROTOCOLS}. */
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];

/** What does not depend on the protocol. */
export type Shape = Omit<OtlpForm, 'number' | 'count'>;

const same = (value: number): number => value;

/**
 * Encodes points as one `ExportMetricsServiceRequest`, all resources in it.
 *
 * @remarks
 * The serializers take one resource. Of protobuf, messages of a type written one after the other are one message with the
 * fields of all (https://protobuf.dev/programming-guides/encoding/#last-one-wins); of JSON the arrays are joined.
 */
export function encodeOtlp(
  points: readonly Point[],
  resourceOf: ResourceOf,
  { protocol, shape }: { readonly protocol: OtlpProtocol; readonly shape: Shape },
  { ProtobufMetricsSerializer, JsonMetricsSerializer }: Serializers,
): Buffer<ArrayBuffer> {
  if (protocol === 'http/json') {
    const form = { ...shape, number: jsonNumber, count: jsonCount };
    const written = resourceMetricsOf(points, resourceOf, form).flatMap((metrics) =>
      readJson(JsonMetricsSerializer.serializeRequest(metrics)),
    );
    return Buffer.from(JSON.stringify({ resourceMetrics: written }));
  }
  const form = { ...shape, number: same, count: same };
  const messages = resourceMetricsOf(points, resourceOf, form).map(
    (metrics: ResourceMetrics) => ProtobufMetricsSerializer.serializeRequest(metrics) ?? new Uint8Array(),
  );
  return Buffer.concat(messages);
}

/** The serializer writes what it is given: null for a number that JSON has not, and nothing of the sign of -0. */
function jsonNumber(value: number): number {
  const plain = Number.isFinite(value) && !Object.is(value, -0);
  return plain ? value : ((Object.is(value, -0) ? '-0' : String(value)) as unknown as number);
}

/** Integers of 64 bits are strings in the JSON of protobuf, https://protobuf.dev/programming-guides/json/. */
function jsonCount(value: number): number {
  return String(BigInt(value)) as unknown as number;
}

function readJson(bytes: Uint8Array | undefined): unknown[] {
  if (bytes === undefined) return [];
  const request = JSON.parse(Buffer.from(bytes).toString('utf8'), withInt64) as {
    resourceMetrics: unknown[];
  };
  return request.resourceMetrics;
}

/** Attributes that are whole numbers: the serializer says so of those beyond 64 bits too, which nobody could read. */
function withInt64(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'intValue')) return value;
  const number = Number((value as { readonly intValue: unknown }).intValue);
  return number >= -(2 ** 63) && number < 2 ** 63
    ? { intValue: String(BigInt(number)) }
    : { doubleValue: number };
}
