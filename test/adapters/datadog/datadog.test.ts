import { gunzipSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDatadogBackend,
  datadogEnvironment,
  type DatadogBackendOptions,
} from '../../../adapters/datadog/index.js';
import type { Point } from '../../../src/forward/point.js';
import { anyPoint, point, resourceOf, send, sendAll } from '../../forward/points.js';
import { type DatadogReceiver, startDatadogReceiver } from '../../forward/receivers/datadog.js';

const SECOND = 1_795_000_000;
const KEY = '0123456789abcdef0123456789abcdef';

async function start(
  options: Partial<DatadogBackendOptions> = {},
): Promise<{ receiver: DatadogReceiver; tell: (...points: Partial<Point>[]) => Promise<number[]> }> {
  const receiver = await startDatadogReceiver({ apiKey: KEY });
  const backend = createDatadogBackend({ apiKey: KEY, endpoint: receiver.url, ...options });
  return {
    receiver,
    tell: (...points) =>
      send(
        backend.encode(
          points.map((each) => point(each)),
          resourceOf,
        ),
      ),
  };
}

/** What a receiver has, as `type metric tags second value`. */
function kept({ series }: DatadogReceiver): string[] {
  return [...series.values()].flatMap(({ type, metric, tags, values }) =>
    [...values].map(([second, value]) => [type, metric, ...tags, second - SECOND, value].join(' ')),
  );
}

describe.each([1, 2] as const)('series of version %d', (apiVersion) => {
  it('are counts of their interval, and gauges', async () => {
    const { receiver, tell } = await start({ apiVersion });
    const start10 = (SECOND - 10) * 1000;
    const statuses = await tell(
      { metric: 'tasks', type: 'counter', value: 7, start: start10, attributes: { phase: 'plan' } },
      { metric: 'mb', value: 412.5, unit: 'MB' },
      { metric: 'open', type: 'updowncounter', value: -2, start: 0 },
      { metric: 'all', agent: undefined, value: 1 },
    );
    expect(statuses).toEqual([202]);
    expect(receiver.paths).toEqual([`/api/v${apiVersion}/series`]);
    expect(kept(receiver)).toEqual([
      'count tasks agent_id:agent-1 phase:plan 0 7',
      'gauge mb agent_id:agent-1 0 412.5',
      'gauge open agent_id:agent-1 0 -2',
      'gauge all 0 1',
    ]);
    const [tasks, mb] = [...receiver.series.values()];
    expect([tasks!.host, [...tasks!.intervals], [...mb!.intervals]]).toEqual(['host-a', [10], [undefined]]);
  });

  it('any points are taken by a receiver with the rules of Datadog', async () => {
    const { receiver, tell } = await start({ apiVersion, buckets: true, distributions: ['*a*'] });
    await fc.assert(
      fc.asyncProperty(fc.array(anyPoint, { minLength: 1, maxLength: 10 }), async (points) => {
        const statuses = await tell(...points);
        expect(statuses.every((status) => status === 202)).toBe(true);
      }),
      { numRuns: 100 },
    );
    expect(receiver.answers.length).toBeGreaterThan(50);
  });

  it('what is counted is neither lost nor there twice, whatever becomes one', async () => {
    const { receiver, tell } = await start({ apiVersion });
    const counter = fc.record({
      metric: fc.constantFrom('a.b', 'a-b', 'a/b', 'c'),
      agent: fc.constantFrom('agent-1', 'Agent X', 'agent x'),
      attributes: fc.constantFrom({}, { k: 'A' }, { k: 'a' }, { 'k ': 1 }, { 'k!': 1 }),
      value: fc.nat({ max: 1000 }),
      time: fc.integer({ min: SECOND * 1000, max: SECOND * 1000 + 2999 }),
      start: fc.constantFrom(undefined, SECOND * 1000 - 5000, SECOND * 1000 - 1000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(counter, { minLength: 1, maxLength: 20 }), async (points) => {
        receiver.series.clear();
        expect(await tell(...points.map((each) => ({ ...each, type: 'counter' as const })))).toEqual([202]);
        const sums = [...receiver.series.values()].flatMap(({ values }) => [...values.values()]);
        const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
        expect(sum(sums)).toBe(sum(points.map(({ value }) => value)));
        const before = kept(receiver);
        await tell(...points.map((each) => ({ ...each, type: 'counter' as const })));
        expect(kept(receiver)).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  it('counts that come to more than a double are the largest double, and harm no others', async () => {
    const { receiver, tell } = await start({ apiVersion });
    const huge = { metric: 'bytes', type: 'counter', value: 1e308, start: (SECOND - 10) * 1000 } as const;
    expect(await tell(huge, { ...huge, attributes: { '!': '' } }, { metric: 'mb', value: 1 })).toEqual([202]);
    expect(kept(receiver)).toEqual([
      `count bytes agent_id:agent-1 0 ${Number.MAX_VALUE}`,
      'gauge mb agent_id:agent-1 0 1',
    ]);
  });

  it('of gauges of one second the last is told, in whichever order they come', async () => {
    const { receiver, tell } = await start({ apiVersion });
    const at = (ms: number, value: number): Partial<Point> => ({ time: SECOND * 1000 + ms, value });
    await tell(at(900, 3), at(1000, 4), at(100, 1), at(999, 9), at(500, 2));
    expect(kept(receiver)).toEqual(['gauge tasks agent_id:agent-1 0 9', 'gauge tasks agent_id:agent-1 1 4']);
  });
});

describe('histograms', () => {
  const since = (SECOND - 10) * 1000;
  const explicit: Partial<Point> = {
    ...({ metric: 'ms', type: 'histogram', start: since, unit: 'ms', value: 30 } as const),
    ...{ count: 4, sum: 120, min: 1, max: 99, bounds: [10, 50], counts: [1, 0, 3] },
  };
  const exponential: Partial<Point> = {
    ...({ metric: 'ms', type: 'exponential_histogram', start: since, value: 3, count: 9, sum: 27 } as const),
    ...{ scale: 1, zeroCount: 1, min: -3, max: 4.1 },
    positive: { offset: 0, bucketCounts: [1, 2, 0, 1, 1] },
    negative: { offset: 2, bucketCounts: [3] },
  };

  it('are counts and extremes', async () => {
    const { receiver, tell } = await start();
    await tell(explicit);
    expect(kept(receiver)).toEqual([
      'count ms.count agent_id:agent-1 0 4',
      'count ms.sum agent_id:agent-1 0 120',
      'gauge ms.min agent_id:agent-1 0 1',
      'gauge ms.max agent_id:agent-1 0 99',
    ]);
    expect([...receiver.series.values()].map(({ intervals }) => [...intervals][0])).toEqual([
      ...[10, 10],
      ...[undefined, undefined],
    ]);
  });

  it('of one second become one', async () => {
    const { receiver, tell } = await start({ buckets: true });
    await tell(explicit, { ...explicit, min: 5, max: 200 });
    expect(kept(receiver)).toEqual([
      'count ms.count agent_id:agent-1 0 8',
      'count ms.sum agent_id:agent-1 0 240',
      'gauge ms.min agent_id:agent-1 0 1',
      'gauge ms.max agent_id:agent-1 0 200',
      'count ms.bucket agent_id:agent-1 lower_bound:-inf upper_bound:10 0 2',
      'count ms.bucket agent_id:agent-1 lower_bound:50 upper_bound:inf 0 6',
    ]);
  });

  it('of powers have buckets of powers of two, whatever their scale', async () => {
    const buckets = async (...points: Partial<Point>[]): Promise<string[]> => {
      const { receiver, tell } = await start({ buckets: true });
      await tell(...points);
      return kept(receiver)
        .filter((line) => line.includes('bucket'))
        .map((line) => line.replace('count ms.bucket agent_id:agent-1 ', ''));
    };
    expect(await buckets(exponential)).toEqual([
      'lower_bound:-4 upper_bound:-2 0 3',
      'lower_bound:0 upper_bound:0 0 1',
      'lower_bound:1 upper_bound:2 0 3',
      'lower_bound:2 upper_bound:4 0 1',
      'lower_bound:4 upper_bound:8 0 1',
    ]);
    const coarse: Partial<Point> = {
      ...{ ...exponential, scale: -1, zeroCount: 0, negative: undefined },
      positive: { offset: -1, bucketCounts: [1, 2] },
    };
    expect(await buckets(coarse)).toEqual([
      'lower_bound:0.25 upper_bound:1 0 1',
      'lower_bound:1 upper_bound:4 0 2',
    ]);
  });

  it('without sum or extremes are told without', async () => {
    const { receiver, tell } = await start();
    await tell({ ...explicit, sum: NaN, min: undefined, max: Infinity });
    expect(kept(receiver)).toEqual(['count ms.count agent_id:agent-1 0 4']);
  });
});

describe('distributions', () => {
  it('are all raw values of gauges, deflated', async () => {
    const { receiver, tell } = await start({ distributions: ['*_ms'] });
    const at = (ms: number, value: number): Partial<Point> => ({
      ...{ metric: 'time_ms', time: SECOND * 1000 + ms, value },
    });
    expect(
      await tell(
        at(0, 5),
        at(1, 7),
        at(1500, 9),
        at(2, NaN),
        { metric: 'mb' },
        { metric: 'n_ms', type: 'counter' },
      ),
    ).toEqual([202, 202]);
    expect(receiver.paths).toEqual(['/api/v2/series', '/api/v1/distribution_points']);
    const [time, ...others] = [...receiver.distributions.values()];
    expect(others).toEqual([]);
    expect(time).toEqual({
      ...{ metric: 'time_ms', tags: ['agent_id:agent-1'], host: 'host-a' },
      values: new Map([
        [SECOND, [5, 7]],
        [SECOND + 1, [9]],
      ]),
    });
  });

  it('a request says which points it tells of', () => {
    const backend = createDatadogBackend({ apiKey: KEY, distributions: ['d'] });
    const [a, d] = [point({ metric: 'a' }), point({ metric: 'd' })];
    const untold = [point({ value: NaN }), point({ metric: 'd', value: Infinity }), point({ time: -1000 })];
    const requests = backend.encode([...untold, d, a], resourceOf);
    expect(requests.map(({ points }) => points)).toEqual([[a], [d]]);
    expect(backend.encode(untold, resourceOf)).toEqual([]);
    for (const { rawBytes, body, headers } of requests) {
      const raw = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : inflateSync(body);
      expect(rawBytes).toBe(raw.length);
    }
  });
});

describe('names and tags', () => {
  it('are as Datadog would make them', async () => {
    const { receiver, tell } = await start({ resourceTags: ['k8s.pod'] });
    const attributes = {
      ...{ Phase: 'Plan A', empty: '', '0': 'd', 'a:b': 'c:d', list: ['x', 'y'], n: 1.5, yes: true },
      ...{ ключ: 'Значение', long: 'x'.repeat(300) },
    };
    await tell({ metric: 'a/b-c.d', agent: 'Coder 7A', attributes });
    const { metric, tags } = [...receiver.series.values()][0]!;
    expect(metric).toBe('a_b_c.d');
    expect(tags).toEqual(
      [
        ...['agent_id:coder_7a', 'phase:plan_a', 'attr_0:d', 'a_b:c:d', 'list:x', 'list:y', 'n:1.5'],
        ...['yes:true', 'ключ:значение', `long:${'x'.repeat(195)}`],
      ].sort(),
    );
  });

  it('tie it to what else Datadog knows of a service, and name what is asked for', () => {
    const resource = {
      ...{ 'host.name': 'h', 'service.name': 'swarm', 'service.version': '1.2', 'k8s.pod': 'p-1' },
      ...{ 'deployment.environment.name': 'Prod', 'process.pid': 5 },
    };
    const backend = createDatadogBackend({ apiKey: KEY, apiVersion: 1, resourceTags: ['k8s.pod', 'none'] });
    const [request] = backend.encode([point()], () => resource);
    const { series } = JSON.parse(gunzipSync(request!.body).toString());
    expect(series[0]).toMatchObject({
      host: 'h',
      tags: ['agent_id:agent-1', 'env:prod', 'k8s.pod:p-1', 'service:swarm', 'version:1.2'],
    });
  });

  it('are those of the agent and its resource, whoever shares attributes with it', () => {
    const backend = createDatadogBackend({ apiKey: KEY });
    const attributes = { phase: 'plan' };
    const tagsOf = (agent: string, resource: Record<string, string>): unknown => {
      const [request] = backend.encode([point({ agent, attributes })], () => resource);
      return JSON.parse(gunzipSync(request!.body).toString()).series[0].tags;
    };
    const [first, second] = [{ 'service.name': 'a' }, { 'service.name': 'b' }];
    expect(tagsOf('agent-1', first)).toEqual(['agent_id:agent-1', 'phase:plan', 'service:a']);
    expect(tagsOf('agent-2', first)).toEqual(['agent_id:agent-2', 'phase:plan', 'service:a']);
    expect(tagsOf('agent-2', second)).toEqual(['agent_id:agent-2', 'phase:plan', 'service:b']);
    expect(tagsOf('agent-2', second)).toEqual(['agent_id:agent-2', 'phase:plan', 'service:b']);
  });

  it('names that are too long are left out, with their suffix', () => {
    const backend = createDatadogBackend({ apiKey: KEY });
    const fits = point({ metric: 'm'.repeat(200) });
    const histogram = { type: 'histogram', count: 1, bounds: [], counts: [1] } as const;
    const untold = [point({ metric: 'm'.repeat(201) }), point({ ...histogram, metric: 'm'.repeat(194) })];
    const edge = point({ ...histogram, metric: 'm'.repeat(193) });
    expect(backend.encode([...untold, fits, edge], resourceOf)[0]!.points).toEqual([fits, edge]);
  });

  it('units are those that Datadog has', () => {
    const backend = createDatadogBackend({ apiKey: KEY });
    const unitOf = (unit: string): unknown => {
      const [request] = backend.encode([point({ unit })], resourceOf);
      return JSON.parse(gunzipSync(request!.body).toString()).series[0].unit;
    };
    expect(['ms', 'MB', 'By', '{task}', '__proto__', ''].map(unitOf)).toEqual([
      ...['millisecond', 'megabyte', 'byte'],
      ...[undefined, undefined, undefined],
    ]);
  });
});

describe('where it goes', () => {
  const urlOf = (options: Partial<DatadogBackendOptions>): string =>
    createDatadogBackend({ apiKey: KEY, ...options }).encode([point()], resourceOf)[0]!.url;

  it('is the API of the site', () => {
    expect(urlOf({})).toBe('https://api.datadoghq.com/api/v2/series');
    for (const site of [
      'us3.datadoghq.com',
      'ap2.datadoghq.com',
      'datadoghq.eu',
      'ddog-gov.com',
      'us2.ddog-gov.com',
    ])
      expect(urlOf({ site })).toBe(`https://api.${site}/api/v2/series`);
    expect(urlOf({ endpoint: 'http://vm:8428/datadog/', apiVersion: 1 })).toBe(
      'http://vm:8428/datadog/api/v1/series',
    );
  });

  it('the variables of Datadog are read', () => {
    const read = datadogEnvironment({ DD_API_KEY: `${KEY}\n`, DD_SITE: 'Datadoghq.EU', DD_URL: '' });
    expect(read).toEqual({ apiKey: KEY, site: 'datadoghq.eu' });
    expect(datadogEnvironment({ DD_URL: 'http://proxy' })).toEqual({ endpoint: 'http://proxy' });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ apiKey: undefined }, 'apiKey must be 1 to 4096 visible ASCII characters, and is missing'],
    [{ apiKey: 's3cret\n' }, 'apiKey must be 1 to 4096 visible ASCII characters'],
    [{ site: 'evil.com' }, 'site must be a site of Datadog, such as datadoghq.eu, got "evil.com"'],
    [
      { site: 'datadoghq.com.evil.com' },
      'site must be a site of Datadog, such as datadoghq.eu, got "datadoghq.com.evil.com"',
    ],
    [
      { site: 'evil.com/.datadoghq.com' },
      'site must be a site of Datadog, such as datadoghq.eu, got "evil.com/.datadoghq.com"',
    ],
    [
      { site: 'evildatadoghq.com' },
      'site must be a site of Datadog, such as datadoghq.eu, got "evildatadoghq.com"',
    ],
    [
      { site: 'u@datadoghq.com' },
      'site must be a site of Datadog, such as datadoghq.eu, got "u@datadoghq.com"',
    ],
    [{ apiVersion: 3 }, 'apiVersion must be 1 or 2, got 3'],
    [{ buckets: 'yes' }, 'buckets must be true or false, got "yes"'],
    [{ distributions: 'x' }, 'distributions must be an array of texts, got "x"'],
    [{ resourceTags: [''] }, 'resourceTags must be an array of texts, got '],
    [{ endpoint: 'ftp://x' }, 'endpoint must be an http or https URL'],
  ])('%j', (options, message) => {
    expect(() => createDatadogBackend({ apiKey: KEY, ...options })).toThrow(
      expect.objectContaining({ message, code: 'ERR_METRICS_OPTION' }) as Error,
    );
  });
});

it('errors of an accepted request are read', async () => {
  const receiver = await startDatadogReceiver({ apiKey: KEY });
  const backend = createDatadogBackend({ apiKey: KEY, endpoint: receiver.url });
  receiver.faults.push(
    { status: 202, body: '{"errors":["metric too old","x"]}' },
    { status: 202, body: 'ok' },
  );
  expect(await sendAll(backend, [point()])).toEqual({
    status: 202,
    partial: { points: 0, reason: 'metric too old; x' },
  });
  expect(await sendAll(backend, [point()])).toEqual({ status: 202, partial: undefined });
  expect(await sendAll(backend, [point()])).toEqual({ status: 202, partial: undefined });
});

it('a request is within the limits of Datadog where points are as they mostly are', () => {
  const backend = createDatadogBackend({ apiKey: KEY });
  const points = Array.from({ length: backend.limits.points }, (_, i) =>
    point({
      ...{ metric: `coordination_metric_${i % 40}`, agent: `agent-${i}`, value: i * 1.37 },
      attributes: { phase: `phase-${i % 7}`, model: 'some-model-name' },
    }),
  );
  const [request] = backend.encode(points, resourceOf);
  expect(request!.body.length).toBeLessThan(backend.limits.bytes);
  expect(request!.rawBytes).toBeLessThan(backend.limits.rawBytes);
});
