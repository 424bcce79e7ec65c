import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { storedRecords } from '../support/files.js';
import { points } from './support.js';

// Real processes with the built package: how a process ends is not for mocks to say.

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const AGENT = 'test/fixtures/otel-agent.mjs';

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  stdout: string;
  elapsedMs: number;
}

interface Run {
  readonly node?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Sent whenever the agent says something, so many times, and SIGKILL the next time. */
  readonly kill?: NodeJS.Signals;
  readonly kills?: number;
  /** Nobody reads its stderr. */
  readonly unheard?: boolean;
}

async function run(
  args: readonly string[],
  { node = [], env = {}, kill, kills = 1, unheard = false }: Run = {},
): Promise<Ended> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...node, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, sent] = ['', '', 0];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  if (unheard) child.stderr.destroy();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (kill !== undefined) child.kill(kills > sent ? kill : 'SIGKILL');
    sent += 1;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr, elapsedMs: performance.now() - startedAt };
}

/** An agent with metrics, and the same without, which must end alike. */
async function compare(
  end: string,
  options: Run = {},
  start: object = {},
): Promise<{ directory: string; ended: Ended }> {
  const directory = temporaryDirectory();
  const [plain, ended] = await Promise.all([
    run([AGENT, end], options),
    run([AGENT, end, JSON.stringify({ agent: 42, directory, ...start })], options),
  ]);
  expect([ended.code, ended.signal]).toEqual([plain.code, plain.signal]);
  return { directory, ended };
}

function total(directory: string, metric: string): number {
  return points(directory).reduce((sum, record) => sum + (record.metric === metric ? record.value : 0), 0);
}

function metricsOf(directory: string): string[] {
  return [...new Set(points(directory).map(({ metric }) => metric))].sort();
}

describe('the last values are stored, and the process ends as it would have', () => {
  it.each([
    ['natural', 0],
    ['exit', 3],
    ['exitCode', 5],
    ['throw', 1],
    ['reject', 1],
    ['rivals', 7],
  ])('%s', async (end, code) => {
    const { directory, ended } = await compare(end);
    expect(ended.code).toBe(code);
    expect(total(directory, 'jobs')).toBe(5);
    expect(metricsOf(directory)).toEqual(['jobs', 'load', 'promised']);
  });

  it('each observation once', async () => {
    const { directory } = await compare('natural');
    expect(points(directory).map(({ metric }) => metric)).toEqual(['jobs', 'load', 'promised']);
  });

  // from within a promise, where others go no further
  it.each([
    ['exitAsync', 4],
    ['rejectMain', 1],
  ])('%s, but for callbacks that return promises', async (end, code) => {
    const { directory, ended } = await compare(end);
    expect(ended.code).toBe(code);
    expect(total(directory, 'jobs')).toBe(5);
    expect(metricsOf(directory)).toEqual(['jobs', 'load']);
  });

  it('when a callback takes its time', async () => {
    const { directory } = await compare('natural-slow');
    expect(metricsOf(directory)).toEqual(['jobs', 'load', 'promised', 'slow']);
  });

  it('when a callback never ends, but for what that one observes', async () => {
    const { directory, ended } = await compare('exit-stuck');
    expect(ended.code).toBe(3);
    expect(total(directory, 'jobs')).toBe(5);
    expect(metricsOf(directory)).toEqual(['jobs', 'load', 'promised']);
  });

  it('when something is measured in the last moment', async () => {
    const { directory } = await compare('lastWords');
    expect(total(directory, 'jobs')).toBeGreaterThan(5);
  });

  it('unless told not to', async () => {
    const off = { flushOnExit: false, flushOnSignal: false };
    const { directory } = await compare('exit', {}, off);
    expect(storedRecords(directory)).toEqual([]);
    const killed = await compare('wait', { kill: 'SIGTERM' }, off);
    expect(storedRecords(killed.directory)).toEqual([]);
    const natural = await compare('natural', {}, off);
    expect(total(natural.directory, 'jobs')).toBe(5);
  });
});

describe('on a signal the last values are stored, and it does what it would have done', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends the process', async (kill) => {
    const { directory, ended } = await compare('wait', { kill });
    expect(ended.signal).toBe(kill);
    expect(total(directory, 'jobs')).toBe(5);
    expect(metricsOf(directory)).toEqual(['jobs', 'load', 'promised']);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s while it stores what it has ends nothing early',
    async (kill) => {
      const { directory, ended } = await compare('wait-told', { kill, kills: 2 });
      expect(ended.stdout).toBe('ready\nstoring\n');
      expect(ended.signal).toBe(kill);
      expect(total(directory, 'jobs')).toBe(5);
      expect(metricsOf(directory)).toEqual(['jobs', 'load', 'promised', 'slow']);
    },
  );

  it.each([
    ['listener', 8],
    ['listenerAsync', 9],
  ])('%s of the application decides', async (end, code) => {
    const { directory, ended } = await compare(end, { kill: 'SIGTERM' });
    expect(ended.code).toBe(code);
    expect(total(directory, 'jobs')).toBe(5);
  });

  it('a listener that ends the process where it is the only one still does', async () => {
    const { directory, ended } = await compare('lastListener', { kill: 'SIGTERM' });
    expect(ended.signal).toBe('SIGTERM');
    expect(total(directory, 'jobs')).toBe(5);
  });

  it('a listener that ignores it is not overruled, and later values are stored at the next one', async () => {
    const { directory, ended } = await compare('ignore', { kill: 'SIGTERM', kills: 2 });
    expect(ended.signal).toBe('SIGKILL');
    expect(ended.stdout).toBe('ready\nignored\nignored\n');
    expect(points(directory).filter(({ metric }) => metric === 'load').length).toBeGreaterThanOrEqual(2);
  });

  it('a callback that takes its time is waited for, one that never ends is not for long', async () => {
    const slow = await compare('wait-slow', { kill: 'SIGTERM' });
    expect(metricsOf(slow.directory)).toContain('slow');
    const stuck = await compare('wait-stuck', { kill: 'SIGTERM' });
    expect(total(stuck.directory, 'jobs')).toBe(5);
    expect(stuck.ended.elapsedMs).toBeLessThan(30_000);
  });
});

describe('cfn-metrics/register', () => {
  const env = { CFN_AGENT_ID: '7' };

  it.each([
    ['--import', AGENT, 'exitAsync'],
    ['--require', 'test/fixtures/otel-agent.cjs', ''],
  ])('measures without a line of code: node %s', async (flag, script, end) => {
    const directory = temporaryDirectory();
    const resource = { OTEL_SERVICE_NAME: 'coder', OTEL_RESOURCE_ATTRIBUTES: 'team=red' };
    const { stderr } = await run([script, end], {
      node: [flag, 'cfn-metrics/register'],
      env: { ...env, ...resource, CFN_METRICS_DIR: directory },
    });
    expect(stderr).toBe('');
    expect(total(directory, 'jobs')).toBe(5);
    expect(storedRecords(directory)[0]).toMatchObject({
      agent: 'agent-7',
      metric: 'target_info',
      attributes: { 'service.name': 'coder', team: 'red', 'telemetry.sdk.language': 'nodejs' },
    });
  });

  it.each(['', 'exit'])('gives a worker thread a writer of its own %s', async (end) => {
    const directory = temporaryDirectory();
    await run(['test/fixtures/otel-worker.mjs', end], {
      node: ['--import', 'cfn-metrics/register'],
      env: { ...env, CFN_METRICS_DIR: directory },
    });
    expect([total(directory, 'main'), total(directory, 'worker')]).toEqual([5, 5]);
    expect(new Set(points(directory).map(({ writer }) => writer)).size).toBe(2);
  });

  it('does nothing where OTEL_SDK_DISABLED is true', async () => {
    const directory = temporaryDirectory();
    const { code, stderr } = await run([AGENT, 'exit'], {
      node: ['--import', 'cfn-metrics/register'],
      env: { ...env, CFN_METRICS_DIR: directory, OTEL_SDK_DISABLED: 'TRUE' },
    });
    expect([code, stderr]).toEqual([3, '']);
    expect(storedRecords(directory)).toEqual([]);
  });

  it('says in one line each what is wrong, and lets the agent run', async () => {
    const { code, stderr } = await run([AGENT, 'exit'], {
      node: ['--import', 'cfn-metrics/register'],
      env: { ...env, CFN_METRICS_DIR: join(root, 'no-such-directory'), OTEL_METRIC_EXPORT_INTERVAL: 'often' },
    });
    expect(code).toBe(3);
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(
      'cfn-metrics: OTEL_METRIC_EXPORT_INTERVAL must be whole milliseconds from 1 to 2147483647, got "often"; it is ignored',
    );
    expect(lines[1]).toContain('no-such-directory does not exist');
  });

  it.each([
    ['agent', AGENT, 'exit', 'jobs', 3],
    ['worker thread', 'test/fixtures/otel-worker.mjs', '', 'worker', 0],
  ])('lets the %s run also where nobody reads what is wrong', async (_, script, end, metric, ended) => {
    const directory = temporaryDirectory();
    const { code } = await run([script, end], {
      node: ['--import', 'cfn-metrics/register'],
      env: { ...env, CFN_METRICS_DIR: directory, CFN_METRICS_SHARDS: 'banana' },
      unheard: true,
    });
    expect(code).toBe(ended);
    expect(total(directory, metric)).toBe(5);
  });
});
