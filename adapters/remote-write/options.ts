import { hostname } from 'node:os';
import { MetricsError } from '../../src/errors.js';
import { basic, readAddress, readHeaders, readKey, withPath } from '../../src/forward/address.js';
import { integerOption, shown, wordOption } from '../../src/options.js';
import type { RemoteWriteSettings } from './backend.js';

/**
 * Receivers of remote write whose paths and headers are known.
 *
 * @public
 */
export const REMOTE_WRITE_PRESETS = ['prometheus', 'victoriametrics', 'mimir', 'grafana-cloud'] as const;

/**
 * One of {@link REMOTE_WRITE_PRESETS}.
 *
 * @public
 */
export type RemoteWritePreset = (typeof REMOTE_WRITE_PRESETS)[number];

/** Where each takes it, of a URL that has no path of its own. */
const PATHS: Readonly<Record<RemoteWritePreset, string>> = {
  prometheus: '/api/v1/write',
  victoriametrics: '/api/v1/write',
  mimir: '/api/v1/push',
  'grafana-cloud': '/api/prom/push',
};

/**
 * What {@link createRemoteWriteBackend} can be told; `url` is needed.
 *
 * @public
 */
export interface RemoteWriteBackendOptions {
  /** URL of the receiver; without a path that of the preset is appended. User and password in it become a header. */
  readonly url: string;
  /**
   * The receiver: `prometheus` (with `--web.enable-remote-write-receiver`) and `victoriametrics` take `/api/v1/write`,
   * `mimir` `/api/v1/push`, `grafana-cloud` `/api/prom/push`.
   *
   * @defaultValue `'prometheus'`
   */
  readonly preset?: RemoteWritePreset | undefined;
  /** User of a basic authorization, whose password is `token`: of Grafana Cloud the number of the instance. */
  readonly user?: string | undefined;
  /** With `user` a password, otherwise `Authorization: Bearer`. */
  readonly token?: string | undefined;
  /** Tenant of Mimir: `X-Scope-OrgID`. */
  readonly tenant?: string | undefined;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * What all names begin with, where they do not already: as with `cfn-metrics serve`.
   *
   * @defaultValue `'cfn_'`
   */
  readonly prefix?: string | undefined;
  /**
   * Labels of everything; a point's own of that name becomes `exported_…`. An empty one is left out.
   *
   * @defaultValue `job` is `cfn-metrics` and `instance` the name of the host, as where it is scraped
   */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /**
   * Points that are older are not sent, in milliseconds. Prometheus takes what is at most an hour older than the youngest
   * sample that it has of anything; a request that has an older one is refused as a whole.
   *
   * @defaultValue none: whatever the receiver takes
   */
  readonly maxAgeMs?: number | undefined;
}

/**
 * Reads the options of a backend.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one is bad.
 */
export function remoteWriteSettings(options: RemoteWriteBackendOptions): RemoteWriteSettings {
  const { prefix = 'cfn_', labels = {}, user, token, tenant, maxAgeMs } = options;
  const preset = wordOption('preset', options.preset, 'prometheus', REMOTE_WRITE_PRESETS);
  const address = readAddress('url', options.url);
  if (typeof prefix !== 'string' || !/^([A-Za-z_][A-Za-z0-9_]*)?$/.test(prefix)) {
    throw bad(`prefix must be letters, digits and underscores, got ${shown(prefix)}`);
  }
  if (user !== undefined && token === undefined) throw bad('user needs a token');
  if (preset === 'grafana-cloud' && user === undefined && !('authorization' in address.headers)) {
    throw bad(
      'user and token are needed for grafana-cloud: the number of the instance, and a token that may write',
    );
  }
  const hasPath = address.url.pathname !== '/';
  return {
    url: hasPath ? address.url : withPath(address.url, PATHS[preset]),
    headers: {
      ...address.headers,
      ...(token !== undefined && { authorization: authorization(user, readKey('token', token)) }),
      ...(tenant !== undefined && { 'x-scope-orgid': readKey('tenant', tenant) }),
      ...readHeaders('headers', options.headers),
    },
    prefix,
    labels: labelsOption({ job: 'cfn-metrics', instance: hostname(), ...labels }),
    maxAgeMs:
      maxAgeMs === undefined ? Infinity : integerOption('maxAgeMs', maxAgeMs, Infinity, { min: 1000 }),
  };
}

function authorization(user: string | undefined, token: string): string {
  return user === undefined ? `Bearer ${token}` : basic(readKey('user', user), token);
}

function labelsOption(labels: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(labels).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.startsWith('__')) {
      throw bad(`labels has ${shown(name)}, which is no name of a label`);
    }
    if (typeof value !== 'string') throw bad(`labels.${name} must be text, got ${shown(value)}`);
    return [name, value.toWellFormed()] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
