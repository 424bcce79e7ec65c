import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MetricsError } from '../../errors.js';
import type { AgentCommand } from './agent-process.js';
import { AGENTS_ARGUMENT, type NodeAgents } from './node-agents.js';
import type { Simulation } from './options.js';

/** Where the records go. */
export interface Destination {
  readonly directory: string;
  readonly shards: number;
  /** Marks the records of this simulation, of which there may be others, and of real agents, in the directory. */
  readonly run: string;
}

/** How all processes of agents are started. */
export function agentCommands(simulation: Simulation, destination: Destination): AgentCommand[] {
  const { agents, typescript } = simulation;
  const env = environment(destination);
  const commands = agents > typescript ? bashCommands(simulation, destination, env) : [];
  return [...nodeCommands(simulation, destination, env), ...commands];
}

/** What agents find around them: the settings are as this command has them, and nothing is preloaded into bash. */
function environment({ directory, shards }: Destination): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, CFN_METRICS_DIR: directory };
  env['CFN_METRICS_SHARDS'] = `${shards}`;
  // emit_metric then says by its status whether a record was stored
  env['CFN_METRICS_STRICT'] = '1';
  delete env['CFN_AGENT_ID'];
  delete env['BASH_ENV'];
  return env;
}

function nodeCommands(simulation: Simulation, { run }: Destination, env: NodeJS.ProcessEnv): AgentCommand[] {
  const { typescript, nodeProcesses, taskMs, metrics } = simulation;
  const command = process.argv[1]!;
  return Array.from({ length: nodeProcesses }, (_, i) => {
    const first = Math.floor((i * typescript) / nodeProcesses);
    const count = Math.floor(((i + 1) * typescript) / nodeProcesses) - first;
    const told: NodeAgents = { first, count, taskMs, run: metrics ? run : undefined };
    const args = [command, 'simulate', AGENTS_ARGUMENT, JSON.stringify(told)];
    const agents = Array.from({ length: count }, (_agent, j) => first + j);
    return { kind: 'typescript', agents, program: process.execPath, args, env };
  });
}

function bashCommands(simulation: Simulation, { run }: Destination, env: NodeJS.ProcessEnv): AgentCommand[] {
  const { agents, typescript, taskMs, metrics } = simulation;
  const shell = join(
    dirname(createRequire(import.meta.url).resolve('cfn-metrics/package.json')),
    'src/shell',
  );
  const script = join(shell, 'simulate-agent.sh');
  const loops = taskMs === 0 ? 0 : Math.round(taskMs * loopsPerMs(script, env));
  const args = [script, `${loops}`, metrics ? join(shell, 'cfn-metrics.sh') : '', run];
  return Array.from({ length: agents - typescript }, (_, i) => {
    return { kind: 'bash', agents: [typescript + i], program: 'bash', args, env };
  });
}

/** bash has no clock of the processor time it had, so a task is so many loops: measured once, while nothing else runs. */
function loopsPerMs(script: string, env: NodeJS.ProcessEnv): number {
  const { error, status, stdout } = spawnSync('bash', [script, '--calibrate'], { env, encoding: 'utf8' });
  if (error !== undefined) {
    throw new MetricsError(
      'ERR_METRICS_STORE',
      `bash cannot be started: ${error.message}; --mix 1:0 does without`,
      {
        cause: error,
      },
    );
  }
  const loops = Number(stdout);
  if (status === 0 && loops > 0) return loops;
  throw new MetricsError('ERR_METRICS_STORE', `bash 5.0 or later is needed; --mix 1:0 does without`);
}
