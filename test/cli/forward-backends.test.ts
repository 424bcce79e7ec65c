import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startDatadogReceiver } from '../forward/receivers/datadog.js';
import { startOtlpReceiver } from '../forward/receivers/otlp.js';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, type Outcome } from './run.js';

const KEY = 's3cretkey';

/** `--check`, which the receivers of this process have to answer meanwhile. */
function check(
  to: string,
  { args = [], env = {}, config }: { args?: string[]; env?: Record<string, string>; config?: object },
): Promise<Outcome> {
  const cwd = temporaryDirectory();
  if (config !== undefined) writeFileSync(join(cwd, 'cfn-metrics.config.json'), JSON.stringify(config));
  const state = ['--state', join(cwd, 'state')];
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [CLI, 'forward', '--check', '--to', to, ...state, ...args],
      { cwd, timeout: 45_000, env: cleanEnvironment({ CFN_METRICS_DIR: cwd, ...env }) },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

const accepted = (to: string): Outcome => ({ status: 0, stdout: `${to}: accepted\n`, stderr: '' });

it('OTLP is told where it is by the variables of OpenTelemetry, and by flags before them', async () => {
  const receiver = await startOtlpReceiver({ headers: { 'api-key': KEY } });
  const headers = { OTEL_EXPORTER_OTLP_HEADERS: `api-key=${KEY}` };
  expect(await check('otlp', { env: { ...headers, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } })).toEqual(
    accepted('otlp'),
  );
  const elsewhere = {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:1/',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
  expect(await check('otlp', { env: { ...headers, ...elsewhere }, args: ['--url', receiver.url] })).toEqual(
    accepted('otlp'),
  );
  expect(receiver.points.map(({ metric }) => metric)).toEqual(['cfn.forward.check', 'cfn.forward.check']);
});

it('Datadog is told by its variables and the config file, and its key is not shown', async () => {
  const receiver = await startDatadogReceiver({ apiKey: KEY, now: Date.now });
  const config = { forward: { datadog: { apiVersion: 1, endpoint: receiver.url } } };
  expect(await check('datadog', { config, env: { DD_API_KEY: KEY } })).toEqual(accepted('datadog'));
  expect(receiver.paths).toEqual(['/api/v1/series']);

  const refused = await check('datadog', { config, env: { DD_API_KEY: 'wrong-s3cret' } });
  expect(refused).toMatchObject({ status: 1, stderr: '' });
  expect(refused.stdout).toContain('answered 403');
  const bad = [
    await check('datadog', { config, env: { DD_API_KEY: `${KEY} ${KEY}` } }),
    await check('datadog', { env: { DD_API_KEY: KEY, DD_SITE: 'evil.com' } }),
    await check('datadog', { config: { forward: { datadog: { apiVersion: 5 } } }, env: { DD_API_KEY: KEY } }),
  ];
  expect(bad).toEqual(
    [
      'apiKey must be 1 to 4096 visible ASCII characters',
      'site must be a site of Datadog, such as datadoghq.eu, got "evil.com"',
      'apiVersion must be 1 or 2, got 5',
    ].map((message) => ({ status: 2, stdout: '', stderr: `cfn-metrics: ${message}\n` })),
  );
  expect(JSON.stringify([refused, bad])).not.toContain('s3cret');
});

it('New Relic is told by its variable', async () => {
  const receiver = await startOtlpReceiver({ headers: { 'api-key': KEY }, deltasOnly: true });
  const env = { NEW_RELIC_LICENSE_KEY: KEY };
  expect(await check('newrelic', { env, args: ['--url', receiver.url] })).toEqual(accepted('newrelic'));
  const spaced = { NEW_RELIC_LICENSE_KEY: `${KEY} ${KEY}` };
  expect((await check('newrelic', { env: spaced })).stderr).toContain(
    'licenseKey must be 1 to 4096 visible ASCII',
  );
});
