import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPrometheusHandler } from '../../adapters/prometheus/index.js';
import {
  createRemoteWriteBackend,
  type RemoteWriteBackendOptions,
} from '../../adapters/remote-write/index.js';
import { Owners } from '../../adapters/remote-write/owners.js';
import { snappy } from '../../adapters/remote-write/snappy.js';
import { createForwarder } from '../../src/forward/forwarder.js';
import type { Point } from '../../src/forward/point.js';
import type { MetricRecord } from '../../src/record.js';
import { store } from '../otel/producer-support.js';
import { temporaryDirectory } from '../support/directory.js';
import { has } from '../support/tools.js';
import { itKeepsTheContract, type ReceivedSeries } from './contract.js';
import { parseExposition } from './exposition.js';
import {
  decodeWriteRequest,
  RemoteWriteReceiver,
  unsnappy,
  type WrittenSample,
} from './remote-write-receiver.js';

const LABELS = { job: '', instance: '' };

function seriesOf(samples: readonly WrittenSample[]): ReceivedSeries[] {
  const sums = new Map(
    samples
      .filter(({ labels }) => labels['__name__']!.endsWith('_sum'))
      .map(({ labels: { __name__: name = '', ...others }, value }) => [
        name.slice(0, -4) + JSON.stringify(others),
        value,
      ]),
  );
  return samples
    .filter(({ labels }) => !/_sum$|_bucket$/.test(labels['__name__']!))
    .map(({ labels: { __name__: name = '', agent = '', ...labels }, value }) => {
      const metric = name.replace(/_count$/, '');
      return { metric, agent, labels, value, sum: sums.get(metric + JSON.stringify({ agent, ...labels })) };
    });
}

/** Receivers by state: they are there when an adapter is started again. */
const receivers = new Map<string, RemoteWriteReceiver>();

itKeepsTheContract({
  start: async ({ directory, stateFile, gaugeMaxAgeMs }) => {
    const receiver = receivers.get(stateFile) ?? (await RemoteWriteReceiver.start());
    receivers.set(stateFile, receiver);
    onTestFinished(() => receiver.close());
    const forwarder = createForwarder({
      backend: createRemoteWriteBackend({ url: receiver.url, labels: LABELS }),
      ...{ directory, gaugeMaxAgeMs, state: dirname(stateFile), resendMs: 100 },
    });
    return {
      deliver: async () => {
        expect(await forwarder.once()).toBe(true);
        expect(receiver.refused).toEqual([]);
        // Prometheus shows the last sample, as long as it is not older than that.
        return seriesOf(receiver.last(Date.now() - gaugeMaxAgeMs));
      },
      close: () => forwarder.close(),
    };
  },
  nameOf: (metric, type) => `cfn_${metric}${type === 'counter' ? '_total' : ''}`,
});

const POINT: Point = {
  time: 1_795_255_200_000,
  agent: 'agent-1',
  metric: 'm',
  type: 'gauge',
  value: 1,
  attributes: {},
};

function decoded(options: Partial<RemoteWriteBackendOptions>, ...points: Partial<Point>[]): WrittenSample[] {
  const backend = createRemoteWriteBackend({ url: 'http://127.0.0.1:1', ...options });
  const requests = backend.encode(
    points.map((point) => ({ ...POINT, ...point })),
    () => ({}),
  );
  return requests.flatMap(({ body }) => decodeWriteRequest(body));
}

describe('what is written', () => {
  it('is what a scrape has, name by name, label by label and value by value', async () => {
    const directory = temporaryDirectory();
    const receiver = await RemoteWriteReceiver.start();
    onTestFinished(() => receiver.close());
    const positive = { offset: -3, bucketCounts: [1, 0, 4, 2] };
    store(
      directory,
      { metric: 'a.b-c', attributes: { 'x.y': 'z', list: ['1', '2'], job: 'mine' }, scope: 'lib' },
      { metric: 'n', type: 'counter', value: 3, attributes: { le: '5', __name__: 'evil' } },
      { metric: 'u', type: 'updowncounter', value: -2.5 },
      {
        metric: 'h',
        type: 'histogram',
        value: 2,
        count: 3,
        sum: 6,
        bounds: [1, 2.5, 100],
        counts: [1, 1, 1, 0],
      },
      ...[0, 3].map((scale) => ({
        ...({ metric: 'e', type: 'exponential_histogram', value: 1, count: 9, sum: 9, scale } as const),
        ...{ zeroCount: 2, positive, agent: `agent-${scale}` },
      })),
    );
    const forwarder = createForwarder({
      backend: createRemoteWriteBackend({ url: receiver.url, labels: LABELS }),
      ...{ directory, state: temporaryDirectory() },
    });
    onTestFinished(() => forwarder.close());
    expect(await forwarder.once()).toBe(true);
    const handler = createPrometheusHandler({ directory });
    onTestFinished(() => handler.shutdown());
    const { text } = await scrape(handler);
    const scraped = parseExposition(text).samples.filter(({ name }) => !name.startsWith('cfn_exporter'));
    const byKey = (samples: { labels: object; value: number }[]) =>
      Object.fromEntries(
        samples.map(({ labels, value }) => [JSON.stringify(Object.entries(labels).sort()), value]),
      );
    expect(byKey(receiver.last())).toEqual(
      byKey(scraped.map(({ name, labels, value }) => ({ labels: { __name__: name, ...labels }, value }))),
    );
    expect(scraped.length).toBeGreaterThan(20);
  });

  it('has host and job as a scrape would, and the labels that are asked for', () => {
    const [sample] = decoded(
      { labels: { instance: 'host-a', cluster: 'x' } },
      { attributes: { job: 'mine' } },
    );
    expect(sample).toEqual({
      labels: {
        ...{ __name__: 'cfn_m', agent: 'agent-1', cluster: 'x', exported_job: 'mine', instance: 'host-a' },
        job: 'cfn-metrics',
      },
      ...{ value: 1, time: POINT.time },
    });
  });

  it('has every double as it is', () => {
    for (const value of [NaN, Infinity, -Infinity, -0, 5e-324, 2 ** 53, 0.1]) {
      expect(decoded({}, { value })[0]!.value).toBe(value);
    }
  });

  it('leaves out what Prometheus could not tell from something else', () => {
    const written = decoded(
      {},
      ...[{ metric: 'x', type: 'counter', value: 1 } as const, { metric: 'x_total', value: 2 }],
      ...[
        { metric: 'a.b', value: 3 },
        { metric: 'a_b', value: 4 },
      ],
    );
    expect(written.map(({ labels, value }) => [labels['__name__'], value])).toEqual([
      ['cfn_x_total', 1],
      ['cfn_a_b', 3],
    ]);
  });

  it('is the same bytes for the same points', () => {
    const backend = createRemoteWriteBackend({ url: 'http://127.0.0.1:1' });
    const points = [POINT, { ...POINT, metric: 'n', type: 'counter' } as const];
    const [first, second] = [backend.encode(points, () => ({})), backend.encode(points, () => ({}))];
    expect(first[0]!.body).toEqual(second[0]!.body);
  });
});

describe('two series that would have one name and the same labels', () => {
  const REASON = 'two series would be cfn_tasks_total with the same labels, and the first of them is told';
  const TASKS = { metric: 'tasks', type: 'counter', agent: 'agent-1' } as const;

  it.each<[string, Partial<MetricRecord>, Partial<MetricRecord>, Record<string, string>]>([
    ['unit', {}, { unit: '{task}' }, {}],
    ['attributes', { attributes: { 'a.b': 'x' } }, { attributes: { a_b: 'x' } }, { a_b: 'x' }],
    [
      'attributes, where one is renamed,',
      { attributes: { job: 'x' } },
      { attributes: { exported_job: 'x' } },
      { exported_job: 'x', job: 'y' },
    ],
  ])('and another %s are never one counter, not even after a restart', async (_name, one, other, own) => {
    const [directory, state] = [temporaryDirectory(), temporaryDirectory()];
    const receiver = await RemoteWriteReceiver.start();
    onTestFinished(() => receiver.close());
    const reasons: string[] = [];
    let now = POINT.time;
    const forward = async (...stored: readonly (readonly [value: number, of: Partial<MetricRecord>])[]) => {
      const labels = { ...LABELS, ...('job' in own && { job: 'y' }) };
      const forwarder = createForwarder({
        ...{ backend: createRemoteWriteBackend({ url: receiver.url, labels }), directory, state },
        ...{ resendMs: 1e9, now: () => now },
        onEvent: (event) => event.type === 'untold' && reasons.push(event.reason),
      });
      for (const [value, of] of stored) {
        store(directory, { ...TASKS, ...of, value, time: now });
        now += 20_000;
        expect(await forwarder.once()).toBe(true);
      }
      await forwarder.close();
      return forwarder.stats;
    };
    expect(await forward([100, one], [5, other], [1, one], [1, other])).toMatchObject({ untold: 2 });
    expect(await forward([1, other], [1, one])).toMatchObject({ untold: 1 });
    expect(reasons).toEqual([REASON, REASON]);
    expect(receiver.refused).toEqual([]);
    const labels = Object.entries({ __name__: 'cfn_tasks_total', agent: 'agent-1', ...own }).sort();
    expect([...receiver.series.keys()]).toEqual([JSON.stringify(labels)]);
    const samples = [...receiver.series.values()].flat();
    expect(samples.map(({ value }) => value)).toEqual([100, 101, 102]);
  });

  it('are told in turn only where the first was not heard of for so long that Prometheus forgot it', () => {
    const backend = createRemoteWriteBackend({ url: 'http://127.0.0.1:1', labels: LABELS });
    const tells = (unit: string, minutes: number): boolean =>
      backend.encode([{ ...POINT, unit, time: POINT.time + 60_000 * minutes }], () => ({})).length > 0;
    expect([tells('a', 0), tells('b', 1), tells('a', 4), tells('b', 9)]).toEqual([true, false, true, false]);
    expect([tells('b', 9.1), tells('a', 9.2), tells('b', 14), tells('a', 15)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('are told in turn where the first is kept and told again, but nothing more is counted in it', async () => {
    const [directory, state] = [temporaryDirectory(), temporaryDirectory()];
    const receiver = await RemoteWriteReceiver.start();
    onTestFinished(() => receiver.close());
    let now = POINT.time;
    const count = async (unit: string | undefined, times: number) => {
      const backend = createRemoteWriteBackend({ url: receiver.url, labels: LABELS });
      const forwarder = createForwarder({ backend, directory, state, now: () => now });
      for (let i = 0; i < times; i += 1) {
        store(directory, { ...TASKS, unit, value: 1, time: now });
        now += 60_000;
        expect(await forwarder.once()).toBe(true);
      }
      await forwarder.close();
    };
    await count(undefined, 3);
    // An agent of another version says in which unit it counts.
    await count('{task}', 2);
    await count('{task}', 10);
    const values = [...receiver.series.values()].flat().map(({ value }) => value);
    expect(values.slice(0, 5)).toEqual([1, 2, 3, 3, 3]);
    // That it is told again five minutes after the restart is the last of it.
    const after = values.slice(values.lastIndexOf(3) + 1);
    expect(after.length).toBeGreaterThan(2);
    expect(after).toEqual(after.map((_value, i) => 12 - after.length + 1 + i));
    expect(receiver.refused).toEqual([]);
  });

  it('are known within a bound: those that were told of last', () => {
    const owners = new Owners();
    const claim = (text: number, source: string) =>
      owners.claim({ text: `${text}`, source, time: 0, news: 1 });
    for (let i = 0; i < 100_000; i += 1) claim(i, 'a');
    expect([claim(0, 'a'), claim(100_000, 'a')]).toEqual([true, true]);
    expect([claim(0, 'b'), claim(2, 'b'), claim(1, 'b')]).toEqual([false, false, true]);
  });

  it('are said to be two metrics where their names are two', () => {
    const backend = createRemoteWriteBackend({ url: 'http://127.0.0.1:1' });
    const [first, second] = ['a.b', 'a_b'].map((metric) => ({ ...POINT, metric })) as [Point, Point];
    expect(backend.encode([first, second], () => ({}))[0]!.points).toEqual([first]);
    expect(backend.whyUntold!(second)).toBe('two metrics would be cfn_a_b, and the first of them is told');
  });
});

describe('snappy', () => {
  it('gives back whatever was compressed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 900 })), {
          maxLength: 20,
        }),
        (parts) => {
          const bytes = Buffer.concat(
            parts.flatMap(([part, times]) => new Array<Uint8Array>(times).fill(part)),
          );
          expect(unsnappy(snappy(bytes)).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  it('makes labels a fraction of what they were', () => {
    const text = Array.from(
      { length: 5000 },
      (_, i) => `agent agent-${i} cfn_tasks_total job cfn-metrics`,
    ).join('');
    expect(snappy(Buffer.from(text)).length).toBeLessThan(text.length / 3);
  });

  it.skipIf(!has('protoc'))('is read by protoc as the message that it is', () => {
    const backend = createRemoteWriteBackend({ url: 'http://127.0.0.1:1', labels: LABELS });
    const [{ body } = { body: new Uint8Array() }] = backend.encode([POINT], () => ({}));
    const text = execFileSync('protoc', ['--decode_raw'], { input: unsnappy(body), encoding: 'utf8' });
    expect(text.replace(/\s+/g, ' ')).toBe(
      `1 { 1 { 1: "__name__" 2: "cfn_m" } 1 { 1: "agent" 2: "agent-1" } 2 { 1: 0x3ff0000000000000 2: ${POINT.time} } } `,
    );
  });
});

describe('options', () => {
  const request = (options: RemoteWriteBackendOptions) =>
    createRemoteWriteBackend(options).encode([POINT], () => ({}))[0]!;

  it.each([
    [{ url: 'http://a:1' }, 'http://a:1/api/v1/write', {}],
    [{ url: 'http://a:1/x/y' }, 'http://a:1/x/y', {}],
    [{ url: 'http://a', preset: 'mimir', tenant: 't1' }, 'http://a/api/v1/push', { 'x-scope-orgid': 't1' }],
    [
      { url: 'https://a', preset: 'grafana-cloud', user: '12', token: 'glc_x' },
      'https://a/api/prom/push',
      { authorization: `Basic ${btoa('12:glc_x')}` },
    ],
    [{ url: 'http://u:p@a/w' }, 'http://a/w', { authorization: `Basic ${btoa('u:p')}` }],
    [{ url: 'http://a/w', token: 'k' }, 'http://a/w', { authorization: 'Bearer k' }],
  ] as const)('%j', (options, url, headers) => {
    expect(request(options)).toMatchObject({ url, headers });
  });

  it.each([
    [{ url: 'nowhere' }, 'url must be an http or https URL'],
    [
      { url: 'http://a', preset: 'cortex' as 'mimir' },
      'preset must be one of prometheus, victoriametrics, mimir, grafana-cloud, got "cortex"',
    ],
    [{ url: 'http://a', preset: 'grafana-cloud' as const }, 'user and token are needed for grafana-cloud'],
    [{ url: 'http://a', user: 'u' }, 'user needs a token'],
    [{ url: 'http://a', prefix: 'a-b' }, 'prefix must be letters, digits and underscores, got "a-b"'],
    [{ url: 'http://a', labels: { 'a-b': 'x' } }, 'labels has "a-b", which is no name of a label'],
    [{ url: 'http://a', token: 'se\ncret' }, 'token must be 1 to 4096 visible ASCII characters'],
  ])('refuses %j', (options, message) => {
    expect(() => createRemoteWriteBackend(options)).toThrow(message);
  });
});

async function scrape(handler: ReturnType<typeof createPrometheusHandler>): Promise<{ text: string }> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { text: await (await fetch(`http://127.0.0.1:${port}/metrics`)).text() };
}
