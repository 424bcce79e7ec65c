import type { Serializers } from './serializers.js';

/**
 * Reads an `ExportMetricsServiceResponse`, in JSON or protobuf.
 *
 * @returns Undefined where all was taken, and where the answer cannot be read: its status said that it was.
 */
export function readPartialSuccess(
  body: Uint8Array,
  contentType: string,
  { ProtobufMetricsSerializer, JsonMetricsSerializer }: Serializers,
): { readonly points: number; readonly reason: string } | undefined {
  if (body.length === 0) return undefined;
  const serializer = /^application\/json\b/i.test(contentType.trim())
    ? JsonMetricsSerializer
    : ProtobufMetricsSerializer;
  const said = partOf(() => serializer.deserializeResponse(body).partialSuccess);
  // a string in JSON, as 64 bits are
  const rejected = Number((said?.rejectedDataPoints as unknown) ?? 0);
  const points = Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  const message: unknown = said?.errorMessage;
  const reason = typeof message === 'string' ? message : '';
  // a message without points is a warning
  return points === 0 && reason === '' ? undefined : { points, reason };
}

/** What a stranger's answer says, if it is one. */
function partOf<T>(read: () => T | null | undefined): T | undefined {
  try {
    return read() ?? undefined;
  } catch {
    return undefined;
  }
}
