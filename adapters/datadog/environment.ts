import type { DatadogBackendOptions } from './options.js';

/**
 * Reads `DD_API_KEY`, `DD_SITE` and `DD_URL`, as Datadog's own tools have them; an empty variable is an unset one, and
 * what no variable says is left out.
 *
 * @param env - The variables, such as `process.env`.
 * @returns Options for {@link createDatadogBackend}, which judges them.
 *
 * @public
 */
export function datadogEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Partial<DatadogBackendOptions> {
  const text = (name: string): string => env[name]?.trim() ?? '';
  const [apiKey, site, endpoint] = [text('DD_API_KEY'), text('DD_SITE').toLowerCase(), text('DD_URL')];
  return {
    ...(apiKey !== '' && { apiKey }),
    ...(site !== '' && { site }),
    ...(endpoint !== '' && { endpoint }),
  };
}
