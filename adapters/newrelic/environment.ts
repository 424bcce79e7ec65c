import type { NewRelicBackendOptions, NewRelicRegion } from './options.js';

/**
 * Reads `NEW_RELIC_LICENSE_KEY` and `NEW_RELIC_REGION`, as New Relic's own tools have them; an empty variable is an unset
 * one, and what no variable says is left out.
 *
 * @param env - The variables, such as `process.env`.
 * @returns Options for {@link createNewRelicBackend}, which judges them.
 *
 * @public
 */
export function newRelicEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Partial<NewRelicBackendOptions> {
  const licenseKey = env['NEW_RELIC_LICENSE_KEY']?.trim() ?? '';
  const region = env['NEW_RELIC_REGION']?.trim().toLowerCase() ?? '';
  return {
    ...(licenseKey !== '' && { licenseKey }),
    ...(region !== '' && { region: region as NewRelicRegion }),
  };
}
