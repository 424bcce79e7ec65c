import { shown } from '../../options.js';
import type { Report } from '../doctor.js';
import { type Finding, warning } from './finding.js';

/** Settings that are variables and nothing else, and what holds where they are not set. */
const VARIABLES: Readonly<Record<string, string>> = {
  CFN_METRICS_LOCK: 'none',
  CFN_METRICS_STRICT: '0',
  CFN_METRICS_CLI: 'the one on PATH, else this package’s',
  CFN_METRICS_DEBUG: '0',
  CFN_METRICS_FORWARD_DIR: 'forward.state of the config file, else in the user’s state directory',
  CFN_METRICS_PROMETHEUS_TOKEN: 'none',
};

/** What of them is set. A token is never shown. */
export function variablesOnly(env: NodeJS.ProcessEnv): Report['settings'] {
  return Object.entries(VARIABLES).map(([name, none]) => {
    const { [name]: text = '' } = env;
    if (text === '') return { name, value: none, source: 'default' };
    return { name, value: name.endsWith('_TOKEN') ? '(set)' : text, source: name };
  });
}

/** What of them bash agents ignore: each says so once on its stderr, which nobody may read. */
export function ignoredVariables({ CFN_METRICS_LOCK: lock = '' }: NodeJS.ProcessEnv): Finding[] {
  if (lock === '' || lock === 'flock') return [];
  const message = `CFN_METRICS_LOCK must be flock or empty, got ${shown(lock)}: bash agents ignore it`;
  return [warning('variables', message, 'export CFN_METRICS_LOCK=flock, or unset it')];
}
