import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import { liveName } from '../../src/store/shard.js';

/** The built command; `npm test` builds before. */
export const CLI = fileURLToPath(new URL('../../dist/cli/index.cjs', import.meta.url));

/** How a command ended, and what it said. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The environment without what would change the outcome. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const ours = /^(CFN_|OTEL_|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$)/;
  const rest = Object.entries(process.env).filter(([name]) => !ours.test(name));
  return { ...Object.fromEntries(rest), ...more };
}

/** Runs the command to its end. */
export function cli(args: readonly string[], { env, cwd }: RunOptions = {}): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    env: cleanEnvironment(env),
    cwd,
    timeout: 45_000,
  });
  return { status, stdout, stderr };
}

/** Runs a line of bash in which `cfn` is the command. */
export function shell(line: string, { env, cwd }: RunOptions = {}): Outcome {
  const script = `cfn() { "${process.execPath}" "${CLI}" "$@"; }; ${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: cleanEnvironment(env),
    cwd,
    timeout: 45_000,
  });
  return { status, stdout, stderr };
}

/** A user who owns nothing here. */
export const OTHER_USER = 61_001;

/** What `setpriv` has to be told to run a program of Node as {@link OTHER_USER}. */
export function asUser(args: readonly string[]): string[] {
  const user = String(OTHER_USER);
  return ['--reuid', user, '--regid', user, '--clear-groups', process.execPath, ...args];
}

/** Whether that user can be had, and may run what was built. */
export function mayChangeUser(): boolean {
  return spawnSync('setpriv', asUser([CLI, '--version']), { stdio: 'ignore' }).status === 0;
}

/** Starts the command and leaves it running; it is killed when the test ends. */
export function startCli(args: readonly string[]): {
  child: ChildProcessWithoutNullStreams;
  output: () => string;
} {
  const child = spawn(process.execPath, [CLI, ...args], { env: cleanEnvironment() });
  // Whoever is just ending writes a last file, into a directory that is gone by then.
  const gone = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

/** Stores records in one shard, as a writer would. */
export function store(directory: string, shard: number, records: readonly Partial<MetricRecord>[]): void {
  const lines = records.map((record) =>
    formatRecord({ time: Date.now(), agent: 'agent-1', metric: 'files_read', value: 1, ...record }),
  );
  appendFileSync(join(directory, liveName(shard)), lines.join(''), { mode: 0o600 });
}
