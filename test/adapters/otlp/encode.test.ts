import { spawnSync } from 'node:child_process';
import { inspect } from 'node:util';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOtlpBackend, OTLP_PROTOCOLS, type Point } from '../../../adapters/otlp/index.js';
import type { Attributes } from '../../../src/attributes.js';
import { anyPoint, point, resourceOf, sendAll } from '../../forward/points.js';
import { pointsOf, startOtlpReceiver, type ToldPoint } from '../../forward/receivers/otlp.js';
import { decodeOtlp, decodeOtlpJson, type OtlpRequest } from '../../support/otlp.js';
import { has } from '../../support/tools.js';

const backends = await Promise.all(OTLP_PROTOCOLS.map((protocol) => createOtlpBackend({ protocol })));

/** What a receiver has to make of a point, told by the rules and not by the encoder. */
function expected(point: Point, ofAgents: 'resource' | 'attribute' = 'resource'): ToldPoint {
  const { agent, type, time, start, scope = '', unit = '' } = point;
  const cumulative = point.temporality === 'cumulative' || type === 'updowncounter';
  const named = agent === undefined ? {} : { 'agent.id': agent };
  return {
    resource: ofAgents === 'resource' ? { ...resourceOf(agent), ...named } : resourceOf(undefined),
    ...{ scope, unit, time, metric: point.metric },
    kind: (
      {
        gauge: 'gauge',
        counter: 'sum',
        updowncounter: 'sum',
        histogram: 'histogram',
        exponential_histogram: 'exponentialHistogram',
      } as const
    )[type],
    temporality: type === 'gauge' ? undefined : cumulative ? 'cumulative' : 'delta',
    monotonic: type === 'counter',
    attributes: withoutNegativeZero({
      ...point.attributes,
      ...(ofAgents === 'attribute' && named),
    }),
    // zero says that it is not known
    start: type === 'gauge' || start === 0 || (start ?? 0) > time ? undefined : start,
    numbers: numbersOf(point),
  };
}

function numbersOf(point: Point): Record<string, unknown> {
  const { type, value, count, sum, min, max, bounds, counts, scale, zeroCount } = point;
  const none = { offset: 0, bucketCounts: [] };
  if (type === 'histogram') return { count, sum, min, max, bounds, counts };
  if (type !== 'exponential_histogram') return { value };
  const { positive = none, negative = none } = point;
  return { count, sum, min, max, scale, zeroCount, positive, negative };
}

/** An attribute that is a whole number is one of 64 bits, which have no negative zero. */
function withoutNegativeZero(attributes: Attributes): Attributes {
  const plain = (value: unknown): unknown => (Object.is(value, -0) ? 0 : value);
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map(plain) : plain(value),
    ]),
  ) as Attributes;
}

/** Points of the years that OTLP can tell of. */
const anyTold = anyPoint.map((point) => ({ ...point, time: 1 + (point.time % 18_446_744_073_708) }));

/** In an order that does not depend on how points were grouped. */
function sorted(points: readonly ToldPoint[]): ToldPoint[] {
  const text = (point: ToldPoint): string => inspect(point, { sorted: true, depth: 6 });
  return points.toSorted((a, b) => (text(a) < text(b) ? -1 : 1));
}

function decode(body: Uint8Array, contentType: string | undefined): OtlpRequest {
  const raw = gunzipSync(body);
  return contentType === 'application/json' ? decodeOtlpJson(raw.toString()) : decodeOtlp(raw);
}

describe.each(backends.map((backend, i) => [OTLP_PROTOCOLS[i]!, backend] as const))(
  '%s',
  (_name, backend) => {
    it('a receiver that knows the schema only finds in it what was told', () => {
      fc.assert(
        fc.property(fc.array(anyTold, { minLength: 1, maxLength: 12 }), (points) => {
          const [request] = backend.encode(points, resourceOf);
          const told = pointsOf(decode(request!.body, request!.headers['content-type']));
          expect(sorted(told)).toEqual(sorted(points.map((each) => expected(each))));
          expect(request!.points).toEqual(points);
          expect(request!.rawBytes).toBe(gunzipSync(request!.body).length);
        }),
        { numRuns: 300 },
      );
    });

    it('the same points are the same bytes', () => {
      fc.assert(
        fc.property(fc.array(anyTold, { minLength: 1, maxLength: 5 }), (points) => {
          const bodies = [points, structuredClone(points)].map((each) =>
            Buffer.from(backend.encode(each, resourceOf)[0]!.body).toString('hex'),
          );
          expect(bodies[0]).toBe(bodies[1]);
        }),
        { numRuns: 30 },
      );
    });

    it('each agent is one Resource, and points of all agents are of the host', () => {
      const points = [1, 2, 1, 2].map((agent, i) => point({ agent: `agent-${agent}`, metric: `m${i % 3}` }));
      const [request] = backend.encode([...points, { ...point(), agent: undefined }], resourceOf);
      const { resourceMetrics } = decode(request!.body, request!.headers['content-type']);
      expect(resourceMetrics.length).toBe(3);
      expect(pointsOf({ resourceMetrics }).map(({ resource }) => resource['agent.id'])).toEqual([
        ...['agent-1', 'agent-1', 'agent-2', 'agent-2'],
        undefined,
      ]);
    });

    it('leaves out what 64 bits cannot hold', () => {
      const explicit = { type: 'histogram', count: 1, bounds: [], counts: [1] } as const;
      const exponential = { type: 'exponential_histogram', count: 1, scale: 0, zeroCount: 0 } as const;
      const positive = { offset: 0, bucketCounts: [1] };
      const untold = [
        point({ time: -1 }),
        point({ time: 0 }),
        point({ time: 18_446_744_073_710 }),
        point({ ...explicit, count: 2 ** 64 }),
        point({ ...explicit, counts: [2 ** 64] }),
        point({ ...exponential, zeroCount: 2 ** 64 }),
        point({ ...exponential, positive: { ...positive, bucketCounts: [2 ** 65] } }),
        point({ ...exponential, negative: { ...positive, bucketCounts: [2 ** 65] } }),
        point({ ...exponential, positive: { ...positive, offset: 2 ** 31 } }),
      ];
      for (const each of untold) expect(backend.encode([each], resourceOf)).toEqual([]);
      const told = [
        point({ time: 18_446_744_073_709, start: -5, type: 'counter' }),
        point({ ...explicit, count: 2 ** 63, counts: [2 ** 63] }),
        point({ ...exponential, positive: { ...positive, offset: -(2 ** 31) } }),
      ];
      const [request] = backend.encode([...untold, ...told], resourceOf);
      expect(request!.points).toEqual(told);
      const found = pointsOf(decode(request!.body, request!.headers['content-type']));
      expect(found.map(({ start }) => start)).toEqual([undefined, undefined, undefined]);
      expect(found[1]!.numbers).toMatchObject({ count: 2 ** 63, counts: [2 ** 63] });
    });

    it('a strict receiver takes it, and its partial success is read', async () => {
      const partialSuccess = { rejectedDataPoints: 2, errorMessage: 'too many' };
      const receiver = await startOtlpReceiver({
        partialSuccess,
        headers: { authorization: 'Bearer s3cret' },
      });
      const protocol = backend === backends[0] ? 'http/protobuf' : 'http/json';
      const made = await createOtlpBackend({ endpoint: receiver.url, token: 's3cret', protocol });
      const told = [point({ metric: 'a' }), point({ metric: 'b' }), point({ metric: 'c' })];
      expect(await sendAll(made, told)).toEqual({ status: 200, partial: { points: 2, reason: 'too many' } });
      expect(receiver.points.map(({ metric }) => metric)).toEqual(['a', 'b', 'c']);
    });
  },
);

describe('points', () => {
  it('are told of their agent by an attribute where that is asked for', async () => {
    const backend = await createOtlpBackend({ agents: 'attribute' });
    const points = [
      point(),
      point({ agent: 'x', metric: 'b' }),
      { ...point({ metric: 'c' }), agent: undefined },
    ];
    const [request] = backend.encode(points, resourceOf);
    const decoded = decode(request!.body, 'application/x-protobuf');
    expect(decoded.resourceMetrics.length).toBe(1);
    expect(sorted(pointsOf(decoded))).toEqual(sorted(points.map((each) => expected(each, 'attribute'))));
  });

  it('of one name and another type, unit, temporality or scope are metrics of their own', async () => {
    const points = [
      point({ type: 'gauge' }),
      point({ type: 'counter' }),
      point({ type: 'counter', temporality: 'cumulative' }),
      point({ type: 'counter', unit: 's' }),
      point({ type: 'counter', scope: 'planner' }),
    ];
    const [request] = backends[0]!.encode(points, resourceOf);
    expect(sorted(pointsOf(decode(request!.body, undefined)))).toEqual(
      sorted(points.map((each) => expected(each))),
    );
  });

  it('go as they are where compression is none', async () => {
    const backend = await createOtlpBackend({ compression: 'none' });
    const [request] = backend.encode([point()], resourceOf);
    expect(request!.headers).not.toHaveProperty('content-encoding');
    expect(pointsOf(decodeOtlp(Buffer.from(request!.body)))).toEqual([expected(point())]);
  });

  it('none are no request', () => {
    expect(backends[0]!.encode([], resourceOf)).toEqual([]);
  });

  it.skipIf(!has('protoc'))('are the bytes that protoc reads', async () => {
    const backend = await createOtlpBackend({ compression: 'none' });
    const told = [
      point({ value: 412.5, unit: 'MB', attributes: { phase: 'plan' } }),
      point({ agent: 'agent-2', type: 'counter', start: 1_794_999_990_000, value: 3 }),
    ];
    const [request] = backend.encode(told, resourceOf);
    const { stdout, status } = spawnSync('protoc', ['--decode_raw'], {
      input: request!.body,
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    // two of field 1, resource_metrics, in each a resource and the metrics of a scope
    expect(stdout.match(/^1 \{$/gm)).toHaveLength(2);
    const lines = stdout.split('\n').map((line) => line.trim());
    for (const text of ['agent-1', 'agent-2', 'host-a', 'tasks', 'MB', 'phase', 'plan']) {
      expect(
        lines.some((line) => line.endsWith(`"${text}"`)),
        text,
      ).toBe(true);
    }
    // time_unix_nano and as_double, in bits
    expect(lines).toContain(`3: 0x${(1_795_000_000_000n * 1_000_000n).toString(16)}`);
    expect(lines).toContain('4: 0x4079c80000000000');
    expect(lines).toContain('4: 0x4008000000000000');
  });
});

describe('the answer', () => {
  const json = 'application/json; charset=utf-8';
  const read = (body: string | Uint8Array, type: string): unknown =>
    backends[0]!.partialSuccess!(typeof body === 'string' ? Buffer.from(body) : body, type);

  it.each([
    ['nothing', '', 'application/x-protobuf', undefined],
    ['an empty object', '{}', json, undefined],
    ['a partial success of nothing', '{"partialSuccess":{}}', json, undefined],
    ['a number', '{"partialSuccess":{"rejectedDataPoints":3}}', json, { points: 3, reason: '' }],
    [
      'a text',
      '{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"old"}}',
      json,
      { points: 3, reason: 'old' },
    ],
    ['a warning', '{"partialSuccess":{"errorMessage":"slow"}}', json, { points: 0, reason: 'slow' }],
    ['no number', '{"partialSuccess":{"rejectedDataPoints":"many"}}', json, undefined],
    ['no JSON', '<html>', json, undefined],
    ['null', 'null', json, undefined],
    ['a page', '<html>', 'text/html', undefined],
  ])('%s', (_name, body, type, said) => {
    expect(read(body, type)).toEqual(said);
  });

  it('of protobuf is read as far as it is one', () => {
    const part = [8, 5, 18, 3, 111, 108, 100];
    expect(read(Uint8Array.from([10, part.length, ...part]), 'application/x-protobuf')).toEqual({
      points: 5,
      reason: 'old',
    });
    expect(read(Uint8Array.from([10, 90, 8]), 'application/x-protobuf')).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        read(bytes, 'application/x-protobuf');
      }),
    );
  });
});
