import { describe, expect, it } from 'vitest';
import { createOtlpBackend, OTLP_PRESETS, type OtlpBackendOptions } from '../../../adapters/otlp/index.js';
import { MetricsError } from '../../../src/errors.js';
import { point, resourceOf } from '../../forward/points.js';

async function requestOf(
  options: OtlpBackendOptions,
): Promise<{ url: string; headers: Record<string, string> }> {
  const backend = await createOtlpBackend(options);
  const { url, headers } = backend.encode([point()], resourceOf)[0]!;
  const { 'content-type': _type, 'content-encoding': _encoding, ...others } = headers;
  return { url, headers: others };
}

describe('presets', () => {
  it.each<[OtlpBackendOptions, string, Record<string, string>]>([
    [{}, 'http://localhost:4318/v1/metrics', {}],
    [{ endpoint: 'https://c/otel/' }, 'https://c/otel/v1/metrics', {}],
    [{ endpoint: 'https://c', metricsEndpoint: 'https://d/x?y=1' }, 'https://d/x?y=1', {}],
    [{ token: 't' }, 'http://localhost:4318/v1/metrics', { authorization: 'Bearer t' }],
    [
      { endpoint: 'https://me:a%40b@c' },
      'https://c/v1/metrics',
      { authorization: `Basic ${Buffer.from('me:a@b').toString('base64')}` },
    ],
    [
      {
        ...{ preset: 'grafana-cloud', user: '123456', token: 'glc_x' },
        endpoint: 'https://otlp-gateway-prod-eu-west-2.grafana.net/otlp',
      },
      'https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/metrics',
      { authorization: `Basic ${Buffer.from('123456:glc_x').toString('base64')}` },
    ],
    [
      { preset: 'mimir', endpoint: 'http://mimir/otlp', tenant: 'team-a' },
      'http://mimir/otlp/v1/metrics',
      { 'x-scope-orgid': 'team-a' },
    ],
    [{ preset: 'prometheus' }, 'http://localhost:9090/api/v1/otlp/v1/metrics', {}],
    [{ preset: 'victoriametrics' }, 'http://localhost:8428/opentelemetry/v1/metrics', {}],
    [
      { preset: 'honeycomb', token: 'hcaik', tenant: 'agents' },
      'https://api.honeycomb.io/v1/metrics',
      { 'x-honeycomb-team': 'hcaik', 'x-honeycomb-dataset': 'agents' },
    ],
    [
      { preset: 'datadog', token: 'dd', endpoint: 'https://otlp.datadoghq.eu' },
      'https://otlp.datadoghq.eu/v1/metrics',
      {
        'dd-api-key': 'dd',
        'dd-otel-metric-config':
          '{"resource_attributes_as_tags":true,"histograms":{"mode":"distributions","send_aggregation_metrics":true}}',
      },
    ],
    [
      { token: 't', headers: { Authorization: 'mine', 'X-B': '2' } },
      'http://localhost:4318/v1/metrics',
      {
        authorization: 'mine',
        'x-b': '2',
      },
    ],
  ])('%j', async (options, url, headers) => {
    expect(await requestOf(options)).toEqual({ url, headers });
  });

  it('know which form their receiver wants', async () => {
    const wanted = await Promise.all(
      OTLP_PRESETS.map(async (preset) => {
        const endpoint = preset === 'grafana-cloud' ? 'https://g/otlp' : undefined;
        const { temporality, name } = await createOtlpBackend({ preset, endpoint });
        return [preset, temporality, name];
      }),
    );
    expect(wanted).toEqual(
      OTLP_PRESETS.map((preset) => [preset, preset === 'datadog' ? 'delta' : 'cumulative', 'otlp']),
    );
    expect((await createOtlpBackend({ temporality: 'delta' })).temporality).toBe('delta');
  });

  it('keep to the age that Datadog takes', async () => {
    expect((await createOtlpBackend({ preset: 'datadog' })).limits).toMatchObject({
      maxAgeMs: 3_600_000,
      maxFutureMs: 600_000,
    });
  });
});

describe('bad options', () => {
  it.each<[Record<string, unknown>, string]>([
    [
      { preset: 'grafana' },
      'preset must be one of collector, grafana-cloud, mimir, prometheus, victoriametrics, honeycomb, datadog, got "grafana"',
    ],
    [
      { preset: 'grafana-cloud' },
      'endpoint must be given with the preset grafana-cloud, such as https://otlp-gateway-prod-eu-west-2.grafana.net/otlp',
    ],
    [{ endpoint: 'localhost:4318' }, 'endpoint must be an http or https URL'],
    [{ metricsEndpoint: '' }, 'metricsEndpoint must be an http or https URL'],
    [{ headers: ['a'] }, 'headers must be an object of header names and values'],
    [{ headers: { 'a b': 's3cret' } }, 'headers has "a b", which is no name of a header'],
    [{ headers: { key: 's3cret\n' } }, 'headers.key must be text that a header can carry'],
    [{ headers: { key: 5 } }, 'headers.key must be text that a header can carry'],
    [{ user: 'me' }, 'token must be 1 to 4096 visible ASCII characters, and is missing'],
    [{ user: 'm:e', token: 's3cret' }, 'user must be text without a colon, got "m:e"'],
    [{ token: 's3cret s3cret' }, 'token must be 1 to 4096 visible ASCII characters'],
    [{ tenant: 'a' }, 'the preset collector has no tenant, got "a"'],
    [{ protocol: 'grpc' }, 'protocol must be one of http/protobuf, http/json, got "grpc"'],
    [{ compression: 'zstd' }, 'compression must be one of gzip, none, got "zstd"'],
    [{ temporality: 'lowmemory' }, 'temporality must be one of delta, cumulative, got "lowmemory"'],
    [{ agents: 'tag' }, 'agents must be one of resource, attribute, got "tag"'],
  ])('%j', async (options, message) => {
    const error: unknown = await createOtlpBackend(options as OtlpBackendOptions).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(MetricsError);
    expect(error).toMatchObject({ code: 'ERR_METRICS_OPTION', message });
    expect(message).not.toContain('s3cret');
  });
});
