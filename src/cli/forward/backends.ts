import type { Backend } from '../../forward/backend.js';
import { bad } from '../setting.js';

/** What the command line says of where points go; each kind has other names for it. */
export interface TargetFlags {
  readonly url?: string | undefined;
  readonly preset?: string | undefined;
  readonly user?: string | undefined;
  readonly token?: string | undefined;
  readonly tenant?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A kind of backend. */
export interface BackendKind {
  /** For people: what it is, and which variables it reads. */
  readonly purpose: string;
  /** The option that a flag is; a flag that is missing here means nothing to it. */
  readonly flags: Readonly<Partial<Record<keyof TargetFlags, string>>>;
  /** The options that its section of the config file may have. */
  readonly options: readonly string[];
  /**
   * Makes it.
   *
   * @param options - What flags and config file say; what is undefined was not said.
   * @param flags - Which of these are from flags, and go before the environment.
   */
  readonly create: (
    options: Readonly<Record<string, unknown>>,
    flags: Readonly<Record<string, unknown>>,
    env: NodeJS.ProcessEnv,
  ) => Promise<{ readonly backend: Backend; readonly timeoutMs?: number | undefined }>;
}

/** All there are, by the name that `--to` takes. Each is loaded when it is wanted. */
export const BACKENDS: Readonly<Record<string, BackendKind>> = {
  otlp: {
    purpose: 'a Collector, Honeycomb, Grafana Cloud, … (OTEL_EXPORTER_OTLP_*)',
    flags: {
      ...{ url: 'endpoint', preset: 'preset', user: 'user', token: 'token', tenant: 'tenant' },
      headers: 'headers',
    },
    options: [
      ...['preset', 'endpoint', 'metricsEndpoint', 'headers', 'user', 'token', 'tenant', 'protocol'],
      ...['compression', 'temporality', 'agents'],
    ],
    create: async (config, flags, env) => {
      const { createOtlpBackend, otlpEnvironment } = await import('../../../adapters/otlp/index.js');
      const { options, timeoutMs } = otlpEnvironment(env);
      // an endpoint that goes before also goes before a URL for metrics that was said elsewhere
      const said = [config, options, flags].reduce((before, after) => ({
        ...before,
        ...(after['endpoint'] !== undefined && { metricsEndpoint: undefined }),
        ...after,
      }));
      return { backend: await createOtlpBackend(said), timeoutMs };
    },
  },
  datadog: {
    purpose: 'Datadog (DD_API_KEY, DD_SITE, DD_URL)',
    flags: { url: 'endpoint', token: 'apiKey' },
    options: [...['apiKey', 'site', 'endpoint', 'apiVersion', 'distributions', 'buckets', 'resourceTags']],
    create: async (config, flags, env) => {
      const { createDatadogBackend, datadogEnvironment } = await import('../../../adapters/datadog/index.js');
      const options = { ...config, ...datadogEnvironment(env), ...flags };
      requireOption(options, 'apiKey', 'datadog needs an API key: DD_API_KEY or --token-file');
      return { backend: createDatadogBackend(options as Parameters<typeof createDatadogBackend>[0]) };
    },
  },
  newrelic: {
    purpose: 'New Relic (NEW_RELIC_LICENSE_KEY)',
    flags: { url: 'endpoint', token: 'licenseKey' },
    options: ['licenseKey', 'region', 'endpoint', 'agents'],
    create: async (config, flags, env) => {
      const { createNewRelicBackend, newRelicEnvironment } =
        await import('../../../adapters/newrelic/index.js');
      const options = { ...config, ...newRelicEnvironment(env), ...flags };
      requireOption(
        options,
        'licenseKey',
        'newrelic needs a license key: NEW_RELIC_LICENSE_KEY or --token-file',
      );
      return { backend: await createNewRelicBackend(options as Parameters<typeof createNewRelicBackend>[0]) };
    },
  },
  'prometheus-remote-write': {
    purpose: 'Prometheus, VictoriaMetrics, Mimir, … (CFN_METRICS_REMOTE_WRITE_*)',
    flags: {
      ...{ url: 'url', preset: 'preset', user: 'user', token: 'token', tenant: 'tenant' },
      headers: 'headers',
    },
    options: ['url', 'preset', 'user', 'token', 'tenant', 'headers', 'prefix', 'labels', 'maxAgeMs'],
    create: async (config, flags, env) => {
      const { createRemoteWriteBackend, remoteWriteEnvironment } =
        await import('../../../adapters/remote-write/index.js');
      const options = { url: undefined, ...config, ...remoteWriteEnvironment(env), ...flags };
      requireOption(
        options,
        'url',
        '--url is missing: prometheus-remote-write needs it, or CFN_METRICS_REMOTE_WRITE_URL',
      );
      return {
        backend: createRemoteWriteBackend(
          options as unknown as Parameters<typeof createRemoteWriteBackend>[0],
        ),
      };
    },
  },
};

/** Refuses what lacks an option that there is no default for: the library would name it, which nobody has typed. */
function requireOption(options: Readonly<Record<string, unknown>>, name: string, message: string): void {
  if (options[name] === undefined) throw bad(`${message}, or ${name} in its section of the config file`);
}
