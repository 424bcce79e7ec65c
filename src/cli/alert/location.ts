import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Where the alerter keeps its state: the flag, then CFN_METRICS_ALERT_DIR, then the user's state directory, in which each
 * directory of shards has its own.
 */
export function stateDirectory(
  flag: string | undefined,
  shards: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const { CFN_METRICS_ALERT_DIR: named = '', XDG_STATE_HOME: state = '' } = env;
  if (flag !== undefined) return flag;
  if (named !== '') return named;
  const home = state.startsWith('/') ? state : join(homedir(), '.local/state');
  const name = resolve(shards)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^-/, '');
  return join(home, 'cfn-metrics/alert', name === '' ? 'root' : name);
}
