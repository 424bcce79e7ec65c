import type { RemoteWriteBackendOptions } from './options.js';

/**
 * Reads `CFN_METRICS_REMOTE_WRITE_URL`, `_USER`, `_TOKEN` and `_TENANT`; an empty variable is an unset one, and what no
 * variable says is left out.
 *
 * @param env - The variables, such as `process.env`.
 * @returns Options for {@link createRemoteWriteBackend}, which judges them.
 *
 * @public
 */
export function remoteWriteEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Partial<RemoteWriteBackendOptions> {
  const found = (['url', 'user', 'token', 'tenant'] as const).flatMap((option) => {
    const text = env[`CFN_METRICS_REMOTE_WRITE_${option.toUpperCase()}`]?.trim() ?? '';
    return text === '' ? [] : [[option, text] as const];
  });
  return Object.fromEntries(found);
}
