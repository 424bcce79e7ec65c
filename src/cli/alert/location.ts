import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where the alerter keeps its state by default: in the user's state directory, a place for each directory of shards. */
export function defaultState(shards: string, { XDG_STATE_HOME: state = '' }: NodeJS.ProcessEnv): string {
  const home = state.startsWith('/') ? state : join(homedir(), '.local/state');
  const name = resolve(shards)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^-/, '');
  return join(home, 'cfn-metrics/alert', name === '' ? 'root' : name);
}
