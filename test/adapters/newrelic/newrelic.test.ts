import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createNewRelicBackend,
  newRelicEnvironment,
  type NewRelicBackendOptions,
} from '../../../adapters/newrelic/index.js';
import type { Point } from '../../../src/forward/point.js';
import { anyPoint, point, resourceOf, sendAll } from '../../forward/points.js';
import { pointsOf, startOtlpReceiver } from '../../forward/receivers/otlp.js';
import { decodeOtlp } from '../../support/otlp.js';

const KEY = '0123456789abcdef0123456789abcdef0123NRAL';
const NEW_RELIC = {
  ...{ headers: { 'api-key': KEY }, maxBytes: 1_000_000, deltasOnly: true },
  maxAttribute: { name: 255, value: 4095, items: 64 },
};

describe('where it goes', () => {
  it.each<[Partial<NewRelicBackendOptions>, string]>([
    [{}, 'https://otlp.nr-data.net/v1/metrics'],
    [{ licenseKey: `eu01xx${KEY.slice(6)}` }, 'https://otlp.eu01.nr-data.net/v1/metrics'],
    [{ licenseKey: `eu01xx${KEY.slice(6)}`, region: 'us' }, 'https://otlp.nr-data.net/v1/metrics'],
    [{ region: 'eu' }, 'https://otlp.eu01.nr-data.net/v1/metrics'],
    [{ region: 'jp' }, 'https://otlp.jp.nr-data.net/v1/metrics'],
    [{ region: 'fedramp' }, 'https://gov-otlp.nr-data.net/v1/metrics'],
    [{ endpoint: 'http://proxy:1/nr/' }, 'http://proxy:1/nr/v1/metrics'],
  ])('%j', async (options, url) => {
    const backend = await createNewRelicBackend({ licenseKey: KEY, ...options });
    expect(backend).toMatchObject({ name: 'newrelic', temporality: 'delta' });
    const [request] = backend.encode([point()], resourceOf);
    expect(request).toMatchObject({ url, headers: { 'api-key': options.licenseKey ?? KEY } });
  });

  it('the variables of New Relic are read', () => {
    expect(newRelicEnvironment({ NEW_RELIC_LICENSE_KEY: ` ${KEY}\n`, NEW_RELIC_REGION: 'EU' })).toEqual({
      licenseKey: KEY,
      region: 'eu',
    });
    expect(newRelicEnvironment({ NEW_RELIC_LICENSE_KEY: '' })).toEqual({});
  });

  it.each([
    [{}, 'licenseKey must be 1 to 4096 visible ASCII characters, and is missing'],
    [{ licenseKey: 's3 cret' }, 'licenseKey must be 1 to 4096 visible ASCII characters'],
    [{ licenseKey: KEY, region: 'EU' }, 'region must be one of us, eu, jp, fedramp, got "EU"'],
    [{ licenseKey: KEY, endpoint: 'x' }, 'endpoint must be an http or https URL'],
  ])('%j', async (options, message) => {
    await expect(createNewRelicBackend(options as NewRelicBackendOptions)).rejects.toThrow(
      expect.objectContaining({ message, code: 'ERR_METRICS_OPTION' }) as Error,
    );
  });
});

describe('what it is told', () => {
  /** What a forwarder gives a backend that wants deltas. */
  const anyDelta = anyPoint.map(({ temporality: _none, ...rest }): Point => ({
    ...rest,
    time: 1_795_000_000_000 + (rest.time % 1000),
  }));

  it('is taken by a receiver with the limits of New Relic', async () => {
    const receiver = await startOtlpReceiver(NEW_RELIC);
    const backend = await createNewRelicBackend({ licenseKey: KEY, endpoint: receiver.url });
    await fc.assert(
      fc.asyncProperty(fc.array(anyDelta, { minLength: 1, maxLength: 8 }), async (points) => {
        expect(await sendAll(backend, [point(), ...points])).toEqual({ status: 200, partial: undefined });
      }),
      { numRuns: 60 },
    );
  });

  it('an up-down counter is a gauge, a counter a delta', async () => {
    const backend = await createNewRelicBackend({ licenseKey: KEY });
    const [request] = backend.encode(
      [
        point({ metric: 'a', type: 'updowncounter', start: 5, value: -2 }),
        point({ metric: 'b', type: 'counter' }),
      ],
      resourceOf,
    );
    const told = pointsOf(decodeOtlp(gunzipSync(request!.body)));
    expect(told.map(({ metric, kind, temporality }) => [metric, kind, temporality])).toEqual([
      ['a', 'gauge', undefined],
      ['b', 'sum', 'delta'],
    ]);
  });

  it('NaN and the infinities are left out, but for those of histograms', async () => {
    const backend = await createNewRelicBackend({ licenseKey: KEY });
    const histogram = { type: 'histogram', count: 0, sum: NaN, bounds: [], counts: [0], value: NaN } as const;
    const told = [point(), point(histogram)];
    const untold = [NaN, Infinity, -Infinity].map((value) => point({ value }));
    expect(backend.encode([...untold, ...told], resourceOf)[0]!.points).toEqual(told);
  });

  it('attributes keep to its limits, those of the resource too', async () => {
    const receiver = await startOtlpReceiver(NEW_RELIC);
    const backend = await createNewRelicBackend({ licenseKey: KEY, endpoint: receiver.url });
    const long = {
      ['n'.repeat(255)]: 'ok',
      ['n'.repeat(256)]: 'left out',
      text: 'x'.repeat(5000),
      pair: `${'x'.repeat(4094)}😀`,
      list: Array.from({ length: 100 }, (_, i) => `${'y'.repeat(4095)}${i}`),
      numbers: Array.from({ length: 65 }, (_, i) => i),
      short: ['a'],
      yes: true,
    };
    const [request] = backend.encode([point({ attributes: long })], () => long);
    const response = await fetch(request!.url, {
      ...{ method: 'POST', headers: { ...request!.headers }, body: request!.body },
    });
    expect(response.status).toBe(200);
    const limited = {
      ['n'.repeat(255)]: 'ok',
      text: 'x'.repeat(4095),
      pair: `${'x'.repeat(4094)}\ufffd`,
      list: new Array(64).fill('y'.repeat(4095)),
      numbers: long.numbers.slice(0, 64),
      short: ['a'],
      yes: true,
    };
    expect(receiver.points[0]!.attributes).toEqual(limited);
    expect(receiver.points[0]!.resource).toEqual({ ...limited, 'agent.id': 'agent-1' });
  });
});
