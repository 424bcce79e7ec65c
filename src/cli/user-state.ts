import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What this program keeps in the user's state directory, as the XDG Base Directory Specification has it. */
export function stateHome({ XDG_STATE_HOME: state = '' }: NodeJS.ProcessEnv): string {
  return join(state.startsWith('/') ? state : join(homedir(), '.local/state'), 'cfn-metrics');
}

/**
 * The place of a part of it: one for each directory of shards, or one would take what is another's for its own.
 *
 * @remarks
 * Of `/srv/agents` it is called `srv-agents`. What a name would not be told from another by, `-` itself too, is written as in a
 * URL: `/srv/my-agents` is `srv-my%2dagents`.
 */
export function stateOf(part: string, shards: string, env: NodeJS.ProcessEnv): string {
  const name = resolve(shards).slice(1).split('/').map(escaped).join('-');
  return join(stateHome(env), part, name === '' ? '-' : name);
}

function escaped(name: string): string {
  return name.replace(/[^A-Za-z0-9._]/gu, (char) => Buffer.from(char).toString('hex').replace(/../g, '%$&'));
}
