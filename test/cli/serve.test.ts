import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { store } from '../otel/producer-support.js';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, cli } from './run.js';

async function start(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ child: ChildProcessWithoutNullStreams; url: string; end: () => Promise<number | null> }> {
  const child = spawn(process.execPath, [CLI, 'serve', '--prometheus', '--port', '0', ...args], {
    env: cleanEnvironment({ XDG_STATE_HOME: temporaryDirectory(), ...env }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const end = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  };
  return { child, url: line.toString().trim(), end };
}

async function scrape(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(url, { headers });
  return `${response.status} ${await response.text()}`;
}

describe('cfn-metrics serve', () => {
  it('says where it listens, answers scrapes, and ends with SIGTERM', async () => {
    const directory = temporaryDirectory();
    store(directory, { metric: 'tasks', type: 'counter', value: 3 });
    const { url, end } = await start(['--dir', directory, '--prefix', 'x_']);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect(await scrape(url)).toMatch(/^200 [^]*\nx_tasks_total\{agent="agent-1"\} 3\n/);
    expect(await scrape(url.replace('/metrics', '/healthz'))).toBe('200 ok\n');
    expect(await end()).toBe(0);
  });

  it('goes on where it was after kill -9, by its snapshot, and adds what was stored meanwhile', async () => {
    const directory = temporaryDirectory();
    const XDG_STATE_HOME = temporaryDirectory();
    const first = await start(['--dir', directory], { XDG_STATE_HOME });
    store(directory, { metric: 'tasks', type: 'counter', value: 3 });
    await scrape(first.url);
    expect(await first.end()).toBe(0);
    expect(existsSync(join(XDG_STATE_HOME, 'cfn-metrics/prometheus.json'))).toBe(true);
    store(directory, { metric: 'tasks', type: 'counter', value: 4 });
    const second = await start(['--dir', directory], { XDG_STATE_HOME });
    await scrape(second.url);
    second.child.kill('SIGKILL');
    const third = await start(['--dir', directory, '--per', 'host'], { XDG_STATE_HOME });
    expect(await scrape(third.url)).toContain('\ncfn_tasks_total 7\n');
    await third.end();
  });

  it('asks for the token in a file, and never shows it', async () => {
    const file = join(temporaryDirectory(), 'token');
    writeFileSync(file, 'hush-hush\n');
    const { url, child } = await start(['--dir', temporaryDirectory(), '--token-file', file]);
    let output = '';
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    expect(await scrape(url)).toBe('401 a bearer token is needed\n');
    expect(await scrape(url, { authorization: 'Bearer hush-hush' })).toMatch(/^200 /);
    expect(output).not.toContain('hush');
  });

  it('says in one line that the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(cli(['serve', '--prometheus', '--port', String(port), '--no-snapshot'])).toEqual({
      status: 2,
      stdout: '',
      stderr: `cfn-metrics: --port ${port} cannot be used on 127.0.0.1: somebody else listens there\n`,
    });
  });

  it.each([
    [[], 'what to serve? There is --prometheus'],
    [['--prometheus', '--port', '70000'], '--port must be a whole number from 0 to 65535, got "70000"'],
    [['--prometheus', '--per', 'fleet'], '--per must be one of agent, host, got "fleet"'],
    [['--prometheus', '--gauge', 'mb'], '--gauge must be METRIC=mean|min|max|sum, got "mb"'],
    [['--prometheus', '--host', '203.0.113.7'], '--host 203.0.113.7 is no address of this machine'],
    [['--prometheus', '--snapshot', 'x', '--no-snapshot'], '--snapshot and --no-snapshot exclude each other'],
  ])('serve %j is bad usage', (args, message) => {
    expect(cli(['serve', ...args])).toEqual({ status: 2, stdout: '', stderr: `cfn-metrics: ${message}\n` });
  });
});
