import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Durations } from '../../src/cli/simulate/durations.js';
import { Measurements } from '../../src/cli/simulate/measurements.js';
import type { SimulationResult } from '../../src/cli/simulate/result.js';
import { parseRecord } from '../../src/parse.js';
import { DROPPED } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, cli, store } from './run.js';

/** A small fleet: 24 agents, half of them in three Node processes, that does little and reports often. */
const SMALL = ['--agents', '24', '--node-processes', '3', '--task-cpu', '0s', '--report-every', '300ms'];

/** Longer than any test, with five rounds a second. */
const LONG = ['--duration', '10m', '--messages-per-second', '5'];

function simulated(args: readonly string[], directory = temporaryDirectory()): SimulationResult {
  const { status, stdout, stderr } = cli(['simulate', ...SMALL, ...args, '--json'], {
    env: { CFN_METRICS_DIR: directory },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as SimulationResult;
}

/** Starts a simulation that takes longer than the test, and waits until its agents are there. */
async function start(directory: string): Promise<{ child: ChildProcess; output: () => string }> {
  const child = spawn(process.execPath, [CLI, 'simulate', ...SMALL, ...LONG], {
    env: cleanEnvironment({ CFN_METRICS_DIR: directory }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  // 12 in bash, 3 processes of Node, and each agent has reported once more than at its start
  await until(() => agentsIn(directory).length === 15 && recordsBelow(directory) > 24 * 6);
  return { child, output: () => text };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Processes of agents whose records go to a directory below this one. */
function agentsIn(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CFN_METRICS_DIR=${directory}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function recordsBelow(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl'))
    .reduce((sum, name) => sum + readFileSync(join(directory, name), 'utf8').split('\n').length - 1, 0);
}

describe('cfn-metrics simulate', () => {
  it('delivers all messages and all records, sees every agent, and spreads them evenly', () => {
    const directory = temporaryDirectory();
    const { messages, records, shards, coordination, emission, processor, analysis, memory } = simulated(
      ['--duration', '1500ms', '--messages-per-second', '4'],
      directory,
    );
    // six, but on a machine that is late
    const { rounds } = coordination;
    expect(rounds).toBeGreaterThanOrEqual(2);
    expect(rounds).toBeLessThanOrEqual(6);
    expect(coordination.p50Ms).toBeLessThanOrEqual(coordination.p99Ms!);
    // one message at the start, and one a round
    const sent = 24 * (1 + rounds);
    expect(messages).toMatchObject({ sent, acknowledged: sent, deliveryPercent: 100 });
    // a report at the start, and five more in 1.5 s, three records each
    expect(records).toMatchObject({
      emitted: 24 * 6 * 3,
      acknowledged: 24 * 6 * 3,
      stored: 24 * 6 * 3,
      deliveryPercent: 100,
      agentsSeen: 24,
      dropped: {},
    });
    expect(shards.map(({ agents }) => agents)).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect([emission.typescript.count, emission.bash.count]).toEqual([216, 216]);
    expect(emission.bash.p99Us).toBeGreaterThanOrEqual(emission.bash.p50Us!);
    expect(processor.coordination.emissionMs).toBeGreaterThan(0);
    expect(processor.coordination.totalMs).toBeGreaterThan(processor.coordination.emissionMs);
    expect(analysis!.asked).toBeGreaterThan(2);
    expect(analysis!.records).toBeGreaterThan(24 * 3);
    expect(memory.agentsBytes).toBeGreaterThan(1e6);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('leaves the records where --dir says, as any reader finds them', () => {
    const directory = temporaryDirectory();
    const { records } = simulated(['--duration', '700ms', '--dir', directory, '--shards', '5']);
    const names = readdirSync(directory).sort();
    expect(names).toEqual([0, 1, 2, 3, 4].map((shard) => `cfn-metrics-${shard}.jsonl`));
    const found = names.flatMap((name, shard) =>
      readFileSync(join(directory, name), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => ({ shard, ...parseRecord(line)! })),
    );
    expect(found.length).toBe(records.stored);
    for (const { shard, agent } of found) expect(Number(agent.slice('agent-'.length)) % 5).toBe(shard);
    expect(new Set(found.map(({ agent }) => agent)).size).toBe(24);
    expect(new Set(found.map(({ attributes }) => attributes?.['run'])).size).toBe(1);
    const of = (metric: string): number[] =>
      found.filter((record) => record.metric === metric).map(({ value }) => value);
    expect(Math.min(...of('coordination_time_ms'))).toBeGreaterThan(0);
    expect(new Set(of('message_delivery_rate'))).toEqual(new Set([1]));
    expect(Math.min(...of('memory_usage_mb'))).toBeGreaterThan(1);
    expect(of('memory_usage_mb').length * 3).toBe(found.length);
  });

  it('does not take the records of others for its own', () => {
    const directory = temporaryDirectory();
    const attributes = { reason: 'full' };
    // whatever clock they have
    const time = Date.now() + 600_000;
    store(directory, 1, [
      { time },
      { time, metric: DROPPED, type: 'counter', start: time, value: 3, attributes },
    ]);
    const already = recordsBelow(directory);
    const first = simulated(['--duration', '300ms', '--dir', directory]);
    const second = simulated(['--duration', '300ms', '--dir', directory]);
    expect([first.records.stored, second.records.stored]).toEqual([
      first.records.emitted,
      second.records.emitted,
    ]);
    expect(recordsBelow(directory)).toBe(already + first.records.stored + second.records.stored);
    expect(second.records.dropped).toEqual({ full: 3 });
  });

  it('keeps the directory with --keep', () => {
    const directory = temporaryDirectory();
    const { records, directory: kept } = simulated(['--duration', '300ms', '--keep'], directory);
    expect(kept).toBe(join(directory, readdirSync(directory)[0]!));
    expect(recordsBelow(kept!)).toBe(records.stored);
  });

  it.each([['--metrics', 'off'], ['--no-metrics']])('stores nothing with %s %s', (...off) => {
    const directory = temporaryDirectory();
    const { messages, records, processor } = simulated(['--duration', '600ms', ...off], directory);
    expect(messages).toMatchObject({ sent: 48, acknowledged: 48 });
    expect(records).toMatchObject({ emitted: 0, stored: 0, agentsSeen: 0, deliveryPercent: null });
    expect(processor.coordination).toMatchObject({ emissionMs: 0 });
    expect(processor.coordination.totalMs).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['1:0', 24, 0],
    ['0:1', 0, 24],
    ['1:2', 8, 16],
  ])('mixes agents as %s', (mix, inTypeScript, inBash) => {
    const { typescript, bash, records } = simulated(['--mix', mix, '--duration', '200ms']);
    expect([typescript.agents, bash.agents]).toEqual([inTypeScript, inBash]);
    expect(records.agentsSeen).toBe(24);
  });

  it('gives each task the processor time that was asked for', () => {
    const args = ['--agents', '4', '--duration', '1s', '--messages-per-second', '5', '--metrics', 'off'];
    const idle = simulated([...args, '--task-cpu', '0s']).processor.coordination.totalMs;
    const { processor, messages } = simulated([...args, '--task-cpu', '40ms']);
    const tasks = messages.sent - 4;
    const each = (processor.coordination.totalMs - idle) / tasks;
    // bash was measured before, perhaps while something else slowed it down
    expect(each).toBeGreaterThan(10);
    expect(each).toBeLessThan(200);
  });

  it('tells people in a table, and with --quiet only how long it took', () => {
    const env = { CFN_METRICS_DIR: temporaryDirectory() };
    const { status, stdout, stderr } = cli(['simulate', ...SMALL, '--duration', '500ms'], { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^agents +24: 12 in TypeScript, in 3 processes; 12 in bash, a process each\n/);
    expect(stdout).toMatch(/\nmessages +48 sent, 48 acknowledged: 100 %\n/);
    expect(stdout).toMatch(/\nrecords +\d+ emitted, \d+ stored: 100 %; 24 of 24 agents seen\n/);
    expect(stdout).toMatch(/\nshards +1 to 2 agents and \d+ to \d+ records in each of 16\n/);
    expect(stdout).toMatch(/\noverhead +[\d.]+ % of the processor time, /);
    const quiet = cli(['simulate', ...SMALL, '--duration', '500ms', '--quiet'], { env });
    expect(quiet).toMatchObject({ status: 0, stderr: '' });
    expect(quiet.stdout).toMatch(/^\d+\n$/);
    expect(Number(quiet.stdout)).toBeGreaterThanOrEqual(500);
  });
});

describe('what goes wrong in a simulation', () => {
  it.each(['1:0', '0:1'])('is told where records cannot be stored, of agents mixed as %s', (mix) => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'cfn-metrics-0.jsonl'));
    const few = ['--duration', '200ms', '--report-every', '15m'];
    const args = ['simulate', ...SMALL, ...few, '--dir', directory, '--shards', '1', '--mix', mix];
    const { status, stdout } = cli(args);
    expect(status).toBe(1);
    expect(stdout).toMatch(/\ndropped +72 for reasons that could not be stored\n/);
    expect(stdout).toMatch(/\nFAILED: 72 records were emitted, and 0 are stored\n/);
    expect(stdout).toContain('\nFAILED: 0 of 24 agents are seen in the shards\n');
  });

  it('is told where an agent is killed, and the others go on', async () => {
    const directory = temporaryDirectory();
    const { child, output } = await start(directory);
    process.kill(Math.max(...agentsIn(directory)), 'SIGKILL');
    const records = recordsBelow(directory);
    await until(() => recordsBelow(directory) > records + 24 * 6);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(output()).toContain('FAILED: 1 process ended before the coordination did\n');
  });

  it.each([
    ['SIGINT', 0, /\nrecords +\d+ emitted, \d+ stored: 100 %; 24 of 24 agents seen\n/],
    ['SIGTERM', 1, /^cfn-metrics: interrupted\n$/],
    ['SIGHUP', 1, /^cfn-metrics: interrupted\n$/],
  ] as const)('%s ends it, and leaves no process and no directory', async (signal, status, said) => {
    const directory = temporaryDirectory();
    const { child, output } = await start(directory);
    child.kill(signal);
    const [code] = (await once(child, 'close')) as [number];
    expect(output()).toMatch(said);
    expect(code).toBe(status);
    expect(agentsIn(directory)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('an agent that does not answer any more is told of, and killed', async () => {
    const directory = temporaryDirectory();
    const { child, output } = await start(directory);
    const stopped = Math.max(...agentsIn(directory));
    process.kill(stopped, 'SIGSTOP');
    // stopped, it would not notice that its coordinator has ended
    onTestFinished(() => {
      if (agentsIn(directory).includes(stopped)) process.kill(stopped, 'SIGKILL');
    });
    // a round in which it is missing is never over: five times a second there were new records, and now there are none
    let records = -1;
    let since = 0;
    await until(() => {
      const now = recordsBelow(directory);
      if (now !== records) since = performance.now();
      records = now;
      return performance.now() - since > 1000;
    });
    child.kill('SIGINT');
    await once(child, 'close');
    expect(child.exitCode).toBe(1);
    expect(output()).toMatch(/\nFAILED: 1 of \d+ messages were not acknowledged\n/);
    expect(agentsIn(directory)).toEqual([]);
  }, 180_000);

  it('agents end with a coordinator that is killed', async () => {
    const directory = temporaryDirectory();
    const { child } = await start(directory);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(() => agentsIn(directory).length === 0);
  });

  it.each([
    [['--agents', '0'], '--agents must be a whole number from 1 to 10000, got "0"'],
    [['--mix', '1'], '--mix must be TS:BASH, such as 1:1 or 0:1, got "1"'],
    [['--mix', '0:0'], '--mix must be TS:BASH, such as 1:1 or 0:1, got "0:0"'],
    [['--duration', '5'], '--duration must be a time such as 30s, 5m or 1h30m, got "5"'],
    [['--metrics', 'maybe'], '--metrics must be on or off, got "maybe"'],
    [
      ['--metrics', 'on', '--no-metrics'],
      'metrics are both on and off: --metrics, --metrics-enabled, --no-metrics',
    ],
    [['--messages-per-second', '0'], '--messages-per-second must be a number from 0.001 to 1000, got "0"'],
    [['--report-every', '1ms'], '--report-every must be from 10ms to 24d, got "1ms"'],
    [['--task-cpu', '2h'], '--task-cpu must be from 0s to 60s, got "2h"'],
    [['--node-processes', '0'], '--node-processes must be a whole number from 1 to 1000, got "0"'],
    [['--json', '--quiet'], '--json and --quiet exclude each other'],
  ])('%j is bad usage', (args, message) => {
    const outcome = cli(['simulate', ...args]);
    expect(outcome).toEqual({ status: 2, stdout: '', stderr: `cfn-metrics: ${message}\n` });
  });

  it('a missing directory and a missing bash are one line', () => {
    expect(cli(['simulate', '--dir', '/nowhere'])).toEqual({
      status: 1,
      stdout: '',
      stderr: 'cfn-metrics: directory /nowhere does not exist\n',
    });
    const directory = temporaryDirectory();
    const env = { PATH: directory, CFN_METRICS_DIR: directory };
    expect(cli(['simulate', ...SMALL], { env })).toEqual({
      status: 1,
      stdout: '',
      stderr: 'cfn-metrics: bash cannot be started: spawn bash ENOENT\n',
    });
    expect(readdirSync(directory)).toEqual([]);
  });
});

it('durations have the quantiles that sorted numbers have, to three digits', () => {
  const durations = new Durations();
  for (let i = 1000; i >= 1; i -= 1) durations.add(i * 1.0001);
  expect([0, 0.5, 0.95, 0.99, 1].map((q) => durations.quantile(q))).toEqual([1, 500, 950, 990, 1000]);
  expect(durations.count).toBe(1000);
  expect(durations.sum).toBeCloseTo(500_550.05, 1);
  expect(new Durations().quantile(0.5)).toBeNull();
  const both = new Durations();
  both.merge(durations);
  both.merge(durations);
  both.add(1e6);
  expect([both.count, both.quantile(0.5), both.quantile(1)]).toEqual([2001, 501, 1e6]);
});

it('an agent that is interrupted while it emits changes the processor time of emissions little', () => {
  const measurements = new Measurements();
  // the first metric takes 10 µs, the second 20 and the third 30, but one agent is away for a second
  for (let i = 0; i < 9; i += 1) measurements.addEmissions('bash', 'coordination', [10, 20, 30]);
  measurements.addEmissions('bash', 'coordination', [10, 1e6, 30, 10, 20, 30]);
  measurements.addEmissions('bash', 'start', [500, 500, 500]);
  expect(measurements.emissionUs('bash', 'coordination')).toBe(11 * (10 + 20 + 30));
  expect(measurements.emissionUs('bash', 'start')).toBe(1500);
  expect(measurements.emissionUs('typescript', 'coordination')).toBe(0);
  expect(measurements.emissionWallUs('coordination')).toBe(11 * 60 - 20 + 1e6);
  expect([measurements.emitted, measurements.emissions('bash').quantile(1)]).toEqual([36, 1e6]);
});
