import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { store } from '../otel/producer-support.js';
import { temporaryDirectory } from '../support/directory.js';
import { CLI, cleanEnvironment, cli } from './run.js';

async function start(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ child: ChildProcessWithoutNullStreams; url: string; end: () => Promise<number | null> }> {
  const kind = args.includes('--answers') ? [] : ['--prometheus'];
  const child = spawn(process.execPath, [CLI, 'serve', ...kind, '--port', '0', ...args], {
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

describe('cfn-metrics serve --answers', () => {
  const ask = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('answers from memory what analyze answers from the files', async () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 40; i += 1) {
      store(directory, { agent: `agent-${i % 4}`, metric: 'wait_ms', type: 'gauge', value: i });
      store(directory, { agent: `agent-${i % 4}`, metric: 'tasks', type: 'counter', value: 2 });
    }
    const { url, end } = await start(['--answers', '--dir', directory]);
    const question = [
      ['--metric', 'wait_*'],
      ['--group-by', 'agent'],
      ['--quantile', '0.42'],
      ['--top', '3'],
      ['--by', 'max'],
    ];
    const { groups } = JSON.parse(
      cli(['analyze', '--json', '--dir', directory, '--since', '1m', ...question.flat()]).stdout,
    ) as { groups: object[] };
    expect(groups).toHaveLength(3);
    const parameters = new URLSearchParams(
      question.map(([flag = '', value = '']): [string, string] => [flag.replace('--', ''), value]),
    );
    const { status, body } = await ask(`${url}?window=1m&${parameters.toString()}`);
    expect({ status, groups: body['groups'] }).toEqual({ status: 200, groups });
    expect((await ask(url)).body).toMatchObject({ directory, records: 80, dropped: 0, torn: 0 });
    expect(await end()).toBe(0);
  });

  it('answers what cannot be answered with what is wrong', async () => {
    const { url } = await start(['--answers', '--dir', temporaryDirectory(), '--window', '1m'], {
      CFN_METRICS_PROMETHEUS_TOKEN: 'hush',
    });
    const headers = { authorization: 'Bearer hush' };
    expect(await ask(url)).toEqual({ status: 401, body: { error: 'a bearer token is needed' } });
    for (const [text, error] of [
      ['?top=many', 'top must be a whole number from 1 to 1000000, got "many"'],
      ['?group-by=shard', 'group-by must list metric or agent, got "shard"'],
      ['?window=2m', 'window must be from 1ms to 60s, got "2m"'],
      ['?since=yesterdayish', 'since "yesterdayish" is no time'],
      ['?window=1m&since=1m', 'since and window exclude each other'],
      ['?metrics=x', 'there is no "metrics"; there are window, since'],
    ] as const) {
      const { status, body } = await ask(`${url}${text}`, { headers });
      expect({ text, status }).toEqual({ text, status: 400 });
      expect(body['error']).toContain(error);
    }
    expect((await ask(url, { headers, method: 'POST' })).status).toBe(405);
    expect((await ask(`${url}s`, { headers })).status).toBe(404);
    expect((await ask(url, { headers })).status).toBe(200);
  });
});

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
    expect(readdirSync(join(XDG_STATE_HOME, 'cfn-metrics/prometheus'))).toHaveLength(1);
    // that of other shards is not mixed up with it
    const elsewhere = temporaryDirectory();
    store(elsewhere, { metric: 'tasks', type: 'counter', value: 100 });
    const other = await start(['--dir', elsewhere], { XDG_STATE_HOME });
    await scrape(other.url);
    expect(await other.end()).toBe(0);
    expect(readdirSync(join(XDG_STATE_HOME, 'cfn-metrics/prometheus'))).toHaveLength(2);
    store(directory, { metric: 'tasks', type: 'counter', value: 4 });
    const second = await start(['--dir', directory], { XDG_STATE_HOME });
    await scrape(second.url);
    second.child.kill('SIGKILL');
    const third = await start(['--dir', directory, '--per', 'host'], { XDG_STATE_HOME });
    expect(await scrape(third.url)).toContain('\ncfn_tasks_total 7\n');
    await third.end();
  });

  it('goes on per agent and per host beside each other, and says when a snapshot is of the other one', async () => {
    const directory = temporaryDirectory();
    const XDG_STATE_HOME = temporaryDirectory();
    const views = [
      ['--per', 'agent'],
      ['--per', 'host'],
    ].map((per) => ['--dir', directory, ...per]);
    const both = async (): Promise<(string | undefined)[]> => {
      const servers = await Promise.all(views.map((args) => start(args, { XDG_STATE_HOME })));
      const texts = await Promise.all(servers.map(({ url }) => scrape(url)));
      for (const { end } of servers) expect(await end()).toBe(0);
      return texts.map((text) => /^cfn_tasks_total.* (\d+)$/m.exec(text)?.[1]);
    };
    store(directory, { metric: 'tasks', type: 'counter', value: 300 });
    expect(await both()).toEqual(['300', '300']);
    // what was counted leaves the shards in the end
    rmSync(join(directory, 'cfn-metrics-0.jsonl'));
    store(directory, { metric: 'tasks', type: 'counter', value: 1 });
    expect(await both()).toEqual(['301', '301']);
    const home = join(XDG_STATE_HOME, 'cfn-metrics/prometheus');
    const ofAgents = readdirSync(home).find((name) => name.endsWith('.agent.json'))!;
    const { url, child } = await start([...views[1]!, '--snapshot', join(home, ofAgents)]);
    let output = '';
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    await scrape(url);
    await vi.waitFor(() =>
      expect(output).toContain(`it is of "agent ${directory}", not of "host ${directory}"`),
    );
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

  it('cuts off who does not say in ten seconds what is wanted', async () => {
    const { url } = await start(['--dir', temporaryDirectory()]);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n');
    // Node looks for those that are late each half minute only, where it is not told otherwise.
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 408 /);
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
    [[], 'what to serve? There are --prometheus and --answers'],
    [['--prometheus', '--answers'], '--prometheus and --answers exclude each other'],
    [['--prometheus', '--window', '1m'], '--window belongs to --answers'],
    [['--answers', '--per', 'host'], '--per belongs to --prometheus'],
    [['--answers', '--window', '1500ms'], '--window must be whole seconds from 1s to 1d, got "1500ms"'],
    [['--prometheus', '--port', '70000'], '--port must be a whole number from 0 to 65535, got "70000"'],
    [['--prometheus', '--per', 'fleet'], '--per must be one of agent, host, got "fleet"'],
    [['--prometheus', '--gauge', 'mb'], '--gauge must be METRIC=mean|min|max|sum, got "mb"'],
    [['--prometheus', '--host', '203.0.113.7'], '--host 203.0.113.7 is no address of this machine'],
    [['--prometheus', '--snapshot', 'x', '--no-snapshot'], '--snapshot and --no-snapshot exclude each other'],
  ])('serve %j is bad usage', (args, message) => {
    expect(cli(['serve', ...args])).toEqual({ status: 2, stdout: '', stderr: `cfn-metrics: ${message}\n` });
  });
});
