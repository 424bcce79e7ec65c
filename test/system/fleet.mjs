// 500 agents in four processes for two minutes, whose metrics are served and forwarded.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const AGENTS = 500;
export const RUN_MS = 120_000;
const PROCESSES = 4;

/** Starts agents that restart, die and idle; each process says in the end what each of its agents counted. */
export function startFleet(root, directory) {
  const each = AGENTS / PROCESSES;
  const script = join(root, 'test/system/prometheus-agents.mjs');
  return Array.from({ length: PROCESSES }, (_, i) => {
    const child = spawn(process.execPath, [script, `${i * each}`, `${each}`, `${RUN_MS}`], {
      env: { ...process.env, CFN_METRICS_DIR: directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const counted = child.stdout.toArray().then((chunks) => JSON.parse(Buffer.concat(chunks).toString()));
    return { child, counted };
  });
}
