import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cleanEnvironment, CLI } from '../cli/run.js';
import { temporaryDirectory } from '../support/directory.js';
import { IN_CI } from '../support/tools.js';

const SCRIPT = fileURLToPath(new URL('namespace.sh', import.meta.url));
const UNSHARE = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'];
/** Some of them wait for half a minute, or coordinate for as long. */
const WITHIN_MS = 300_000;

const permitted = spawnSync('unshare', [...UNSHARE, 'true'], { encoding: 'utf8' });
const isPermitted = permitted.status === 0;

/** Runs a test of the design in a mount namespace of its own. */
async function run(name: string): Promise<{ status: number | null; text: string }> {
  const child = spawn('unshare', [...UNSHARE, 'bash', SCRIPT, temporaryDirectory(), name], {
    env: cleanEnvironment({ CFN_METRICS_CLI: CLI }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, text };
}

describe('tests of the design', () => {
  it.runIf(IN_CI)('have the namespaces that they need', () => {
    expect(permitted.stderr).toBe('');
    expect(isPermitted).toBe(true);
  });

  it.runIf(!isPermitted && !IN_CI)('are left out: there are no user namespaces for this user here', () => {
    expect(isPermitted).toBe(false);
  });

  it
    .runIf(isPermitted)
    .each([
      'test_emit_metric_sharding',
      'test_concurrent_emission',
      'test_analyze_metrics_performance',
      'test_alert_threshold',
      'test_metrics_sync',
      'test_daily_rotation',
      'test_full_coordination_with_metrics',
      'test_24_hour_stability',
    ])(
    '%s',
    async (name) => {
      const { status, text } = await run(name);
      expect(text).not.toContain('command not found');
      expect(status, text).toBe(0);
    },
    WITHIN_MS,
  );
});
