import { loadConfig } from '../config.js';
import type { Report } from '../doctor.js';
import { backendKind, forwarderOptions, readForwardConfig } from '../forward/settings.js';

/**
 * What the section `forward` of the config file says. Of a backend only which options it has: any of them may be a secret.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where `forward` would not take it.
 */
export async function forwardSettings(): Promise<Report['settings']> {
  const config = await loadConfig(process.cwd());
  const { to, state, general, sections } = readForwardConfig(config);
  to?.forEach(backendKind);
  forwarderOptions(general);
  const said = {
    ...(to && { to: to.join(', ') }),
    ...(state !== undefined && { state }),
    ...Object.fromEntries(
      Object.entries(general)
        // nothing was said, as YAML puts it
        .filter(([, value]) => value !== null)
        .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
    ...Object.fromEntries(
      Object.entries(sections).map(([name, options]) => [name, Object.keys(options).join(', ')]),
    ),
  };
  return Object.entries(said).map(([key, value]) => ({
    ...{ name: `forward.${key}`, value },
    source: config?.path ?? 'default',
  }));
}
