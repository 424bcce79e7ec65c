import { type ChildProcess, fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What an agent says at its end: how much it emitted by metric, and what one emission took, each time it looked. */
export interface AgentReport {
  readonly kind: 'TypeScript' | 'bash';
  readonly emitted: Readonly<Record<string, number>>;
  readonly micros: readonly number[];
}

/** A running agent. */
export interface Agent {
  readonly process: ChildProcess;
  /** Rejects where the agent failed. */
  readonly report: Promise<AgentReport>;
}

/** Starts an agent: a real process, every other one of them bash. */
export function startAgent(id: number, root: string, directory: string, untilMs: number): Agent {
  const env = { ...process.env, CFN_METRICS_DIR: directory };
  if (id % 2 === 0) {
    const script = `${root}/examples/fleet/agent.sh`;
    const args = [script, `${id}`, `${Math.ceil(untilMs / 1000)}`];
    const child = spawn('bash', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    return { process: child, report: reportOf(child, id, 'bash', () => JSON.parse(output) as unknown) };
  }
  const script = fileURLToPath(new URL('agent.js', import.meta.url));
  const child = fork(script, [`${id}`, `${untilMs}`], { env });
  let message: unknown;
  child.on('message', (said) => (message = said));
  return { process: child, report: reportOf(child, id, 'TypeScript', () => message) };
}

function reportOf(
  child: ChildProcess,
  id: number,
  kind: AgentReport['kind'],
  said: () => unknown,
): Promise<AgentReport> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0) {
        reject(new Error(`agent ${id} (${kind}) ended with ${signal ?? `exit code ${code}`}`));
        return;
      }
      const { micros, ...emitted } = said() as { micros: number[] };
      resolve({ kind, emitted, micros });
    });
  });
}
