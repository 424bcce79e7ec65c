import fc from 'fast-check';
import type { Attributes } from '../../src/attributes.js';
import type { Backend, BackendRequest, ResourceOf } from '../../src/forward/backend.js';
import type { Point } from '../../src/forward/point.js';
import { anyRecord } from '../support/arbitrary.js';

/** A point of a counter, with what is given in place. */
export function point(given: Partial<Point> = {}): Point {
  return {
    ...{
      time: 1_795_000_000_000,
      metric: 'tasks',
      type: 'gauge',
      value: 1,
      agent: 'agent-1',
      attributes: {},
    },
    ...given,
  };
}

/** What an agent is, in tests: a host, and an instance. */
export const resourceOf: ResourceOf = (agent) => ({
  'host.name': 'host-a',
  'service.instance.id': agent ?? 'host-a',
});

/** Any point that a forwarder can make: of records as they are read, which are well-formed text. */
export const anyPoint: fc.Arbitrary<Point> = fc
  .tuple(anyRecord, fc.boolean())
  .map(([{ writer: _writer, agent, type = 'gauge', attributes = {}, ...record }, ofAll]) => {
    const { scope, unit } = record;
    return {
      ...record,
      type,
      ...(!ofAll && { agent: agent.toWellFormed() }),
      ...(scope !== undefined && { scope: scope.toWellFormed() }),
      ...(unit !== undefined && { unit: unit.toWellFormed() }),
      attributes: wellFormed(attributes),
    };
  });

function wellFormed(attributes: Attributes): Attributes {
  const text = <T>(value: T): T => (typeof value === 'string' ? (value.toWellFormed() as T) : value);
  const entries = Object.entries(attributes).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.map(text) : text(value),
  ]);
  return Object.fromEntries(entries) as Attributes;
}

/** Sends requests as a forwarder would, and says how each was answered. */
export async function send(requests: readonly BackendRequest[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const { url, headers, body } of requests) {
    const response = await fetch(url, { method: 'POST', headers: { ...headers }, body });
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  return statuses;
}

/** The one request of points, and what its answer says of it. */
export async function sendAll(
  backend: Backend,
  points: readonly Point[],
): Promise<{ status: number; partial: ReturnType<NonNullable<Backend['partialSuccess']>> }> {
  const [request] = backend.encode(points, resourceOf);
  if (request === undefined) throw new Error('nothing is told');
  const { url, headers, body } = request;
  const response = await fetch(url, { method: 'POST', headers: { ...headers }, body });
  const answer = new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    partial: backend.partialSuccess?.(answer, response.headers.get('content-type') ?? ''),
  };
}
