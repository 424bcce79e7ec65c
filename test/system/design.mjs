// The test of the design with 500 agents, which keeps a whole machine busy for a minute. The others are in test/design.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs it.
 *
 * @param {string} root - Where the package is, built.
 * @param {(what: string, ok: boolean, detail?: string) => void} check - Hears what is as it should be.
 */
export function checkDesign(root, check) {
  const work = mkdtempSync(join(tmpdir(), 'cfn-metrics-design-'));
  const script = join(root, 'test/design/namespace.sh');
  const { status, stderr, error } = spawnSync(
    'unshare',
    [
      ...['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'],
      ...['bash', script, work, 'test_500_agent_scale'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const said = (error?.message ?? stderr).trim().split('\n').at(-1);
  check('500 agents coordinate, as the design tests it', status === 0, said);
  rmSync(work, { recursive: true, force: true });
}
