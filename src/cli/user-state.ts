import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What this program keeps in the user's state directory, as the XDG Base Directory Specification has it. */
export function stateHome({ XDG_STATE_HOME: state = '' }: NodeJS.ProcessEnv): string {
  return join(state.startsWith('/') ? state : join(homedir(), '.local/state'), 'cfn-metrics');
}

/** The place of a part of it: one for each directory of shards, or one would take what is another's for its own. */
export function stateOf(part: string, shards: string, env: NodeJS.ProcessEnv): string {
  const name = resolve(shards)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^-/, '');
  return join(stateHome(env), part, name === '' ? 'root' : name);
}
