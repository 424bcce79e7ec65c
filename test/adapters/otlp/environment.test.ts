import { expect, it } from 'vitest';
import { createOtlpBackend, otlpEnvironment } from '../../../adapters/otlp/index.js';
import { point, resourceOf } from '../../forward/points.js';

const PREFIX = 'OTEL_EXPORTER_OTLP_';

function read(variables: Record<string, string>): ReturnType<typeof otlpEnvironment> {
  return otlpEnvironment(
    Object.fromEntries(Object.entries(variables).map(([name, value]) => [`${PREFIX}${name}`, value])),
  );
}

it('nothing is said where no variable is set, or each is empty', () => {
  const names = [
    'ENDPOINT',
    'HEADERS',
    'PROTOCOL',
    'COMPRESSION',
    'TIMEOUT',
    'METRICS_TEMPORALITY_PREFERENCE',
  ];
  const nothing = { options: {}, timeoutMs: undefined };
  expect(read({})).toEqual(nothing);
  expect(read(Object.fromEntries(names.map((name) => [name, ' '])))).toEqual(nothing);
  expect(read(Object.fromEntries(names.map((name) => [`METRICS_${name}`, '']))).options).toEqual({});
});

it('all of them are read, and those for metrics go before', async () => {
  const general = {
    ENDPOINT: 'http://collector:4318/base',
    HEADERS: 'api-key=a%3Db%20c%2C, X-Both = general,,',
    PROTOCOL: 'http/json',
    COMPRESSION: 'none',
    TIMEOUT: '5000',
    METRICS_TEMPORALITY_PREFERENCE: 'LowMemory',
  };
  expect(read(general)).toEqual({
    options: {
      endpoint: 'http://collector:4318/base',
      headers: { 'api-key': 'a=b c,', 'x-both': 'general' },
      protocol: 'http/json',
      compression: 'none',
      temporality: 'delta',
    },
    timeoutMs: 5000,
  });
  const { options, timeoutMs } = read({
    ...general,
    METRICS_ENDPOINT: 'http://metrics:1/as/it/is',
    METRICS_HEADERS: 'x-both=metrics=1',
    METRICS_PROTOCOL: 'http/protobuf',
    METRICS_COMPRESSION: 'gzip',
    METRICS_TIMEOUT: '7',
    METRICS_TEMPORALITY_PREFERENCE: 'cumulative',
  });
  expect(timeoutMs).toBe(7);
  const backend = await createOtlpBackend(options);
  const [request] = backend.encode([point()], resourceOf);
  expect(request).toMatchObject({
    url: 'http://metrics:1/as/it/is',
    headers: {
      'api-key': 'a=b c,',
      'x-both': 'metrics=1',
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
    },
  });
  expect(backend.temporality).toBe('cumulative');
});

it.each([
  [{ PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf, http/json, got "grpc"'],
  [
    { METRICS_COMPRESSION: 'br' },
    'OTEL_EXPORTER_OTLP_METRICS_COMPRESSION must be one of gzip, none, got "br"',
  ],
  [{ TIMEOUT: '10s' }, 'OTEL_EXPORTER_OTLP_TIMEOUT must be milliseconds, a whole number from 1, got "10s"'],
  [{ TIMEOUT: '0' }, 'OTEL_EXPORTER_OTLP_TIMEOUT must be milliseconds, a whole number from 1, got "0"'],
  [
    { METRICS_TEMPORALITY_PREFERENCE: 'total' },
    'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE must be one of cumulative, delta, lowmemory, got "total"',
  ],
  [
    { HEADERS: 's3cret' },
    'OTEL_EXPORTER_OTLP_HEADERS must be name=value, and several of them with commas in between',
  ],
  [
    { HEADERS: 'api-key=s3cret%' },
    'OTEL_EXPORTER_OTLP_HEADERS has a header "api-key" whose percent signs cannot be decoded: write %25 for one',
  ],
])('%j', (variables, message) => {
  expect(() => read(variables as Record<string, string>)).toThrow(message);
});
