import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, startCli, store } from './run.js';
import { WAIT } from '../support/wait.js';

/** A tail that has begun: it shows what is stored from now on. */
async function tailing(directory: string, ...args: string[]): Promise<ReturnType<typeof startCli>> {
  const tail = startCli(['tail', '--dir', directory, ...args]);
  await vi.waitFor(() => {
    store(directory, 15, [{ agent: 'agent-15', metric: 'begun' }]);
    expect(tail.output()).toContain('begun');
  }, WAIT);
  return tail;
}

describe('tail', () => {
  it('prints a line a record as it is written', async () => {
    const directory = temporaryDirectory();
    const { output } = await tailing(directory);
    store(directory, 1, [
      {
        time: Date.parse('2026-11-21T20:12:43.976Z'),
        agent: 'agent-42',
        metric: 'coordination_time_ms',
        value: 8031.25,
        unit: 'ms',
        attributes: { phase: 'plan', note: 'two words', ok: true, empty: '' },
      },
      { metric: 'target_info', attributes: { 'service.name': 'x' } },
      {
        time: Date.parse('2026-11-21T20:12:44.000Z'),
        metric: 'latency',
        type: 'histogram',
        value: 2.123456,
        start: 0,
        count: 3,
        sum: 6,
        min: 1,
        max: 3,
        bounds: [2],
        counts: [1, 2],
      },
    ]);
    await vi.waitFor(() => expect(output()).toContain('latency'), WAIT);
    const lines = output()
      .split('\n')
      .filter((line) => !line.includes('begun'));
    expect(lines).toEqual([
      '2026-11-21T20:12:43.976Z agent-42 coordination_time_ms 8031.25 ms empty="" note="two words" ok=true phase=plan',
      '2026-11-21T20:12:44.000Z agent-1 latency ~2.123 (3 values, 1 to 3)',
      '',
    ]);
  });

  it('prints the stored line with --json', async () => {
    const directory = temporaryDirectory();
    const { output } = await tailing(directory, '--json');
    store(directory, 1, [{ metric: 'last', value: NaN, unit: 'ms', attributes: { timestamp: '\x1b[2J' } }]);
    const line = readFileSync(join(directory, 'cfn-metrics-1.jsonl'), 'utf8');
    await vi.waitFor(() => expect(output().endsWith(line)).toBe(true), WAIT);
  });

  it('shows only what was asked for, from then on', async () => {
    const directory = temporaryDirectory();
    const now = Date.now();
    store(directory, 2, [
      { time: now - 3_600_000, metric: 'read_old' },
      { time: now - 1000, metric: 'read_recent' },
      { time: now - 1000, metric: 'written', agent: 'agent-3' },
      { time: now - 1000, metric: 'read_by_another', agent: 'agent-4' },
      { time: now - 1000, metric: 'read_last', agent: 'agent-3' },
    ]);
    const args = ['--metric', 'read_*', '--agent', '1', '--agent', 'agent-3', '--since', '5m'];
    const { output } = startCli(['tail', '--dir', directory, ...args]);
    await vi.waitFor(() => expect(output()).toContain('read_last'), WAIT);
    expect(
      output()
        .split('\n')
        .map((line) => line.split(' ')[2]),
    ).toEqual(['read_recent', 'read_last', undefined]);
  });

  it('lets no record give orders to the terminal', async () => {
    const directory = temporaryDirectory();
    const { output } = await tailing(directory);
    store(directory, 1, [{ unit: '\x1b[2J\n', attributes: { 'a\x07': '\u202e\r', b: ['\x1b'] } }]);
    await vi.waitFor(() => expect(output()).toContain('files_read'), WAIT);
    expect(output()).not.toMatch(/[^\n\x20-\x7e]/);
    expect(output().split('\n').at(-2)).toMatch(/files_read 1 \\x1b\[2J\\n /);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends at %s with exit code 0', async (signal) => {
    const { child } = await tailing(temporaryDirectory());
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('ends with exit code 0 and without a word when nobody reads any more', async () => {
    const directory = temporaryDirectory();
    const { child } = await tailing(directory);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    child.stdout.destroy();
    const ended = once(child, 'exit');
    const writing = setInterval(() => store(directory, 1, [{}]), 50);
    expect(await ended).toEqual([0, null]);
    clearInterval(writing);
    expect(complaints).toBe('');
  });

  it('names once what it cannot read, and goes on', async () => {
    const directory = temporaryDirectory();
    symlinkSync('/etc/passwd', join(directory, 'cfn-metrics-3.jsonl'));
    const { child } = await tailing(directory);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    await vi.waitFor(() => expect(complaints).not.toBe(''), WAIT);
    await delay(1500);
    expect(complaints).toBe(`cfn-metrics: ${join(directory, 'cfn-metrics-3.jsonl')} was not read: ELOOP\n`);
  });

  it('waits for a slow reader instead of filling memory, and can be stopped meanwhile', async () => {
    const directory = temporaryDirectory();
    const line = `${JSON.stringify({ timestamp: new Date().toISOString(), agent: 'a', metric: 'm', value: 1 })}\n`;
    appendFileSync(join(directory, 'cfn-metrics-0.jsonl'), line.repeat(400_000), { mode: 0o600 });
    const child = spawn(process.execPath, [CLI, 'tail', '--dir', directory, '--since', '1h'], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'readable');
    const usage = (): { mebibytes: number; ticks: number } => {
      const read = (file: string): string => readFileSync(`/proc/${child.pid!}/${file}`, 'utf8');
      const fields = read('stat').split(') ')[1]!.split(' ');
      const mebibytes = Number(/VmRSS:\s+(\d+)/.exec(read('status'))![1]) / 1024;
      return { mebibytes, ticks: Number(fields[11]) + Number(fields[12]) };
    };
    // it has settled when it uses no more than the little that waiting costs
    let last = usage();
    await vi.waitFor(
      () => {
        const before = last;
        last = usage();
        expect(last.ticks - before.ticks).toBeLessThanOrEqual(1);
      },
      { ...WAIT, interval: 500 },
    );
    expect(last.mebibytes).toBeLessThan(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
