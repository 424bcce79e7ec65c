import { createServer, get, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { MetricProducer } from '@opentelemetry/sdk-metrics';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPrometheusHandler } from '../../adapters/prometheus/index.js';
import type { PrometheusHandlerOptions } from '../../adapters/prometheus/options.js';
import { store } from '../otel/producer-support.js';
import { temporaryDirectory } from '../support/directory.js';
import { itKeepsTheContract, type ReceivedSeries } from './contract.js';
import { parseExposition, type Sample } from './exposition.js';

const OPENMETRICS =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
}

async function serve(options: PrometheusHandlerOptions, handle = createPrometheusHandler(options)) {
  const server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await handle.shutdown();
  };
  onTestFinished(close);
  const ask = async (
    headers: Record<string, string> = {},
    path = '/metrics',
    method = 'GET',
  ): Promise<Answer> => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    return { status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString() };
  };
  return { port, ask, close, handle };
}

function seriesOf(samples: readonly Sample[]): ReceivedSeries[] {
  const sums = new Map(
    samples
      .filter(({ name }) => name.endsWith('_sum'))
      .map(({ name, labels, value }) => [name.slice(0, -4) + JSON.stringify(labels), value]),
  );
  return samples
    .filter(({ name }) => !/_sum$|_bucket$/.test(name))
    .map(({ name, labels, value }) => {
      const { agent = '', ...others } = labels;
      const sum = sums.get(name.replace(/_count$/, '') + JSON.stringify(labels));
      return { metric: name, agent, labels: others, value, sum };
    });
}

describe.each([
  ['text 0.0.4', undefined],
  ['OpenMetrics', OPENMETRICS],
])('Prometheus, %s:', (_format, accept) => {
  itKeepsTheContract({
    nameOf: (metric, type) => `cfn_${metric}${{ gauge: '', counter: '_total', histogram: '_count' }[type]}`,
    start: async ({ directory, stateFile, gaugeMaxAgeMs }) => {
      const { ask, close } = await serve({ directory, snapshotFile: stateFile, gaugeMaxAgeMs });
      return {
        close,
        deliver: async () => {
          const { status, text } = await ask(accept === undefined ? {} : { accept });
          expect(status).toBe(200);
          return seriesOf(parseExposition(text).samples);
        },
      };
    },
  });
});

async function scrape(options: PrometheusHandlerOptions, accept?: string): Promise<string> {
  const { ask } = await serve(options);
  const { status, text } = await ask(accept === undefined ? {} : { accept });
  expect([status, text]).toEqual([200, expect.any(String)]);
  return text;
}

describe('names', () => {
  it('are those of the metrics behind a prefix, with the label agent', async () => {
    const directory = temporaryDirectory();
    store(directory, { metric: 'memory_usage_mb', value: 412.5, unit: 'MB', agent: 'agent-42' });
    store(directory, { metric: 'cfn.tasks', type: 'counter', value: 3, scope: 'lib' });
    const text = await scrape({ directory });
    expect(text).toContain('# HELP cfn_memory_usage_mb Last value of memory_usage_mb, in MB.\n');
    expect(text).toContain('\ncfn_memory_usage_mb{agent="agent-42"} 412.5\n');
    expect(text).toContain(
      '# TYPE cfn_tasks_total counter\ncfn_tasks_total{agent="agent-1",otel_scope_name="lib"} 3\n',
    );
    expect(await scrape({ directory, prefix: '' })).toContain('\nmemory_usage_mb{agent="agent-42"} 412.5\n');
  });

  it('that become one are one family, or left out and counted where they cannot be', async () => {
    const directory = temporaryDirectory();
    store(
      directory,
      ...[
        { metric: 'a.b' },
        { metric: 'a_b', agent: 'agent-2' },
        { metric: 'a-b', type: 'counter' as const },
      ],
      ...[{ metric: 'a/b', value: 5 }, { metric: 'h_count' }],
      ...[{ metric: 'a.b', type: 'updowncounter' as const, unit: 'x' }],
      { metric: 'h', type: 'histogram', count: 1, sum: 1, bounds: [1], counts: [1, 0] },
      { metric: 'a_b_total' },
    );
    const { samples, types } = parseExposition(await scrape({ directory }));
    const omitted = samples.filter(({ name }) => name === 'cfn_exporter_points_omitted');
    expect(Object.fromEntries(omitted.map(({ labels, value }) => [labels['reason'], value]))).toEqual({
      ...{ type: 1, name: 1, labels: 2, delta: 0 },
    });
    expect(types.get('cfn_a_b')).toBe('gauge');
    expect(types.get('cfn_a_b_total')).toBe('counter');
    const open = await scrape({ directory }, OPENMETRICS);
    // the base name is taken by the gauge
    expect(open).toContain('# TYPE cfn_a_b_total unknown\ncfn_a_b_total{agent="agent-1"} 1\n');
  });

  it('colliding labels are joined, and reserved ones renamed', async () => {
    const directory = temporaryDirectory();
    const attributes = {
      'a.b': 'x',
      a_b: 'y',
      'a-b': 'z',
      agent: 'me',
      le: '5',
      '1st': 'one',
      __name__: 'n',
      no: '',
    };
    store(directory, { attributes });
    const { samples } = parseExposition(await scrape({ directory }));
    expect(samples.find(({ name }) => name === 'cfn_m')?.labels).toEqual({
      ...{ a_b: 'z;x;y', agent: 'agent-1', exported_agent: 'me', exported_le: '5', _1st: 'one', _name_: 'n' },
    });
  });
});

describe('OpenMetrics', () => {
  it('has its own headers and an end', async () => {
    const directory = temporaryDirectory();
    store(directory, { metric: 'tasks', type: 'counter' }, { metric: 'wait_ms', unit: 'ms', value: NaN });
    const text = await scrape({ directory }, OPENMETRICS);
    expect(text).toContain('# TYPE cfn_tasks counter\ncfn_tasks_total{agent="agent-1"} 1\n');
    expect(text).toContain(
      '# TYPE cfn_wait_ms gauge\n# UNIT cfn_wait_ms ms\ncfn_wait_ms{agent="agent-1"} NaN\n',
    );
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    expect(text).not.toContain('\n\n');
  });

  it.each([
    [undefined, 'text/plain; version=0.0.4; charset=utf-8'],
    ['*/*', 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/json', 'text/plain; version=0.0.4; charset=utf-8'],
    [
      'text/plain;q=0.5, application/openmetrics-text; version="1.0.0"',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    ],
    [
      'application/openmetrics-text;version=2.0.0, text/plain;q=0.1',
      'text/plain; version=0.0.4; charset=utf-8',
    ],
    ['application/openmetrics-text;q=nonsense', 'text/plain; version=0.0.4; charset=utf-8'],
  ])('Accept: %s gets %s', async (accept, type) => {
    const { ask } = await serve({ directory: temporaryDirectory() });
    const { headers } = await ask(accept === undefined ? {} : { accept });
    expect([headers['content-type'], headers.vary]).toEqual([type, 'accept, accept-encoding']);
  });
});

describe('histograms', () => {
  it('exponential ones become buckets that are the same for all series, and stay', async () => {
    const directory = temporaryDirectory();
    const { ask } = await serve({ directory });
    const point = { metric: 'h', type: 'exponential_histogram', zeroCount: 0, scale: 3, sum: 1 } as const;
    store(directory, { ...point, count: 3, positive: { offset: 8, bucketCounts: [1, 1, 1] } });
    store(directory, {
      ...point,
      agent: 'agent-2',
      count: 2,
      zeroCount: 1,
      positive: { offset: 32, bucketCounts: [1] },
    });
    const buckets = async (agent: string): Promise<Map<string, number>> => {
      const { samples } = parseExposition((await ask()).text);
      const own = samples.filter(({ name, labels }) => name === 'cfn_h_bucket' && labels['agent'] === agent);
      return new Map(own.map(({ labels, value }) => [labels['le'] ?? '', value]));
    };
    const [one, two] = [await buckets('agent-1'), await buckets('agent-2')];
    expect([...one.keys()]).toEqual([...two.keys()]);
    expect([one.get('0'), one.get('2'), one.get('4'), one.get('+Inf')]).toEqual([0, 0, 3, 3]);
    expect([two.get('0'), two.get('16'), two.get('+Inf'), [...two.values()].at(-2)]).toEqual([1, 1, 2, 2]);
    store(directory, { ...point, count: 1, positive: { offset: 160, bucketCounts: [1] } });
    const later = await buckets('agent-1');
    expect(later.size).toBeLessThanOrEqual(35);
    for (const bound of ['0', '2', '4', '16']) expect(later.get(bound)).toBe(one.get(bound));
    expect([later.get('1048576'), later.get('+Inf')]).toEqual([3, 4]);
  });
});

describe('requests', () => {
  it('gzip where it is taken, HEAD without a body', async () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 100; i += 1) store(directory, { agent: `agent-${i}` });
    const { ask } = await serve({ directory });
    const { headers, body } = await ask({ 'accept-encoding': 'br, gzip;q=0.5' });
    expect(headers['content-encoding']).toBe('gzip');
    expect(parseExposition(gunzipSync(body).toString()).samples.length).toBeGreaterThan(100);
    expect((await ask({ 'accept-encoding': 'gzip;q=0' })).headers['content-encoding']).toBeUndefined();
    const head = await ask({}, '/metrics', 'HEAD');
    expect([head.status, head.text, Number(head.headers['content-length']) > 1000]).toEqual([200, '', true]);
  });

  it.each([
    ['GET', '/healthz', 200, 'ok\n'],
    ['GET', '/', 404, 'there are /metrics and /healthz\n'],
    ['GET', '/metrics/', 404, 'there are /metrics and /healthz\n'],
    ['GET', '/metrics?x=1#y', 200, /^# HELP/],
    ['GET', 'http://example.com/metrics', 200, /^# HELP/],
    ['GET', '//[', 404, 'there are /metrics and /healthz\n'],
    ['GET', '/%', 404, 'there are /metrics and /healthz\n'],
    ['POST', '/metrics', 405, 'GET or HEAD\n'],
  ])('%s %s: %d', async (method, path, status, text) => {
    const directory = temporaryDirectory();
    store(directory, {});
    const { ask } = await serve({ directory });
    const answer = await ask({}, path, method);
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(text)]);
  });

  it.each([
    ['localhost', 200],
    ['LOCALHOST:9090', 200],
    ['a.localhost', 200],
    ['[::1]:9090', 200],
    ['10.1.2.3', 200],
    ['metrics.example', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example:80', 403],
    ['localhost.evil.example', 403],
  ])('Host: %s gets %d', async (host, status) => {
    const { ask } = await serve({ directory: temporaryDirectory(), hosts: ['Metrics.example'] });
    expect((await ask({ host }, '/healthz')).status).toBe(status);
  });

  it('what is no HTTP harms nobody', async () => {
    const { port, ask } = await serve({ directory: temporaryDirectory() });
    for (const bytes of [
      'GET / HTTP/9\r\n\r\n',
      '\0\0\0',
      'GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n',
      'GET * HTTP/1.0\r\n\r\n',
    ]) {
      const socket = connect(port, '127.0.0.1');
      socket.end(bytes);
      socket.resume();
      await once(socket, 'close');
    }
    expect((await ask({}, '/healthz')).status).toBe(200);
  });

  it('a token is asked for, and never shown', async () => {
    const token = 's3cret-token';
    const messages: string[] = [];
    const { ask } = await serve({
      ...{ directory: temporaryDirectory(), token },
      onError: ({ message }) => messages.push(message),
    });
    const refused = await ask();
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect((await ask({ authorization: `Bearer ${token}x` })).status).toBe(401);
    expect((await ask({ authorization: `Basic ${token}` })).status).toBe(401);
    const { status, text } = await ask({ authorization: `bearer ${token}` });
    expect([status, text.includes(token), messages]).toEqual([200, false, []]);
    expect((await ask({}, '/healthz')).status).toBe(200);
    expect(() => createPrometheusHandler({ token: `${token}\n` })).toThrow(/^token must be/);
  });

  it('answers only so many scrapes at once, and none for longer than it may take', async () => {
    let answered: (() => void) | undefined;
    const producer: MetricProducer = {
      collect: () =>
        new Promise((resolve) => {
          answered = () =>
            resolve({ resourceMetrics: { resource: {} as never, scopeMetrics: [] }, errors: [] });
        }),
    };
    const { ask } = await serve({ producer, maxConcurrent: 1, timeoutMs: 20_000 });
    const first = ask();
    while (answered === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await ask()).toMatchObject({ status: 503, text: 'too many scrapes at once\n' });
    answered();
    expect((await first).status).toBe(200);
    const late = await ask({ 'x-prometheus-scrape-timeout-seconds': '0.2' });
    expect(late).toMatchObject({ status: 503, text: 'nothing was collected within 100 ms\n' });
  });

  it('cuts off who reads an answer without end, and others are answered', async () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 4000; i += 1) {
      store(directory, { metric: 'size', value: i, attributes: { path: `${i}`.padEnd(4000, 'x') } });
    }
    const { port, ask } = await serve({ directory, maxConcurrent: 1, timeoutMs: 6000 });
    expect((await ask()).body.length).toBeGreaterThan(16_000_000);
    const socket = connect(port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const sips = setInterval(() => socket.read(), 100);
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await ask()).status).toBe(503);
    await expect.poll(async () => (await ask()).status, { timeout: 30_000, interval: 200 }).toBe(200);
    clearInterval(sips);
    expect(socket.bytesRead).toBeLessThan(16_000_000);
  });

  it('a directory that is missing is a 503 that says so, until it is there', async () => {
    const directory = join(temporaryDirectory(), 'missing');
    const { ask } = await serve({ directory });
    expect(await ask()).toMatchObject({ status: 503, text: `directory ${directory} does not exist\n` });
  });

  it('as middleware it passes on what is not its own', async () => {
    const handle = createPrometheusHandler({ directory: temporaryDirectory(), path: '/' });
    onTestFinished(() => handle.shutdown());
    const server = createServer((request, response) =>
      handle(request, response, () => response.writeHead(204).end()),
    ).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const status = async (path: string): Promise<number | undefined> => {
      const [response] = (await once(get({ port, path, agent: false }), 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect([await status('/'), await status('/app')]).toEqual([200, 204]);
  });
});

it('tells about itself', async () => {
  const directory = temporaryDirectory();
  const { ask } = await serve({ directory, maxSeries: 2 });
  for (let i = 0; i < 5; i += 1) store(directory, { agent: `agent-${i}`, metric: 'n', type: 'counter' });
  await ask();
  const { samples, types } = parseExposition((await ask()).text);
  const own = Object.fromEntries(
    samples
      .filter(({ name }) => name.startsWith('cfn_exporter_'))
      .map(({ name, labels, value }) => [name + Object.values(labels).join(), value]),
  );
  expect(own).toMatchObject({
    cfn_exporter_records_total: 5,
    cfn_exporter_records_torn_total: 0,
    cfn_exporter_lines_foreign_total: 0,
    cfn_exporter_series: 2,
    cfn_exporter_points_overflowed_total: 3,
    cfn_exporter_scrapes_total200: 1,
  });
  expect(own['cfn_exporter_lag_seconds']).toBeLessThan(10);
  expect(types.get('cfn_exporter_series')).toBe('gauge');
});

it.each([
  [{ prefix: 'a-b' }, 'prefix must be letters, digits and underscores, got "a-b"'],
  [{ path: 'metrics' }, 'path must begin with /, got "metrics"'],
  [{ hosts: [''] }, 'hosts must be an array of names, got '],
  [{ maxConcurrent: 0 }, 'maxConcurrent must be a whole number from 1 to 1000, got 0'],
  [{ per: 'x' as 'host' }, 'per must be one of agent, host, got "x"'],
])('refuses %j', (options, message) => {
  expect(() => createPrometheusHandler(options)).toThrow(message);
});
