import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LIBRARY, run } from './bash.js';

it('an agent of a simulation waits for a message longer than TMOUT says', () => {
  const AGENT = join(LIBRARY, '../simulate-agent.sh');
  const script = `{ echo '1 0 0 5'; sleep 1.5; echo '1 1 0 5'; } | "$AGENT" 0 '' run`;
  const { status, stdout, stderr } = run('bash', ['-c', script], { env: { AGENT, TMOUT: '1' } });
  expect([status, stdout, stderr]).toEqual([0, 'ready\n1 0 0\n1 1 0\n', '']);
});
