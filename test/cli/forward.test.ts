import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RemoteWriteReceiver } from '../adapters/remote-write-receiver.js';
import { temporaryDirectory } from '../support/directory.js';
import { cli, startCli, store } from './run.js';

async function setup() {
  const receiver = await RemoteWriteReceiver.start();
  onTestFinished(() => receiver.close());
  const cwd = temporaryDirectory();
  const shm = join(cwd, 'shm');
  mkdirSync(shm);
  const state = join(cwd, 'state');
  const args = [
    'forward',
    '--to',
    'prometheus-remote-write',
    '--url',
    receiver.url,
    '--dir',
    shm,
    '--state',
    state,
  ];
  // in another process, since this one is the receiver
  const forward = async (...more: string[]) => {
    const { child, output } = startCli([...args, ...more]);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [status] = (await once(child, 'close')) as [number];
    return { status, stdout: output(), stderr };
  };
  return { receiver, cwd, shm, state, args, forward };
}

const total = (receiver: RemoteWriteReceiver): number =>
  receiver.last().reduce((sum, { value }) => sum + value, 0);

describe('forward', () => {
  it('--once forwards what is stored, and the next time what came since', async () => {
    const { receiver, shm, forward } = await setup();
    store(shm, 0, [{ metric: 'n', type: 'counter', value: 3 }]);
    const first = await forward('--once', '--json');
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toMatchObject({
      type: 'forwarded',
      backend: 'prometheus-remote-write',
      points: 1,
    });
    store(shm, 0, [{ metric: 'n', type: 'counter', value: 4 }]);
    expect(await forward('--once')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(receiver.last()).toMatchObject([
      { labels: { __name__: 'cfn_n_total', agent: 'agent-1' }, value: 7 },
    ]);
  });

  it('--once says what could not be told, and tells it the next time', async () => {
    const { receiver, shm, forward } = await setup();
    const away = (_request: unknown, response: { writeHead: (status: number) => { end: () => void } }) => {
      response.writeHead(503).end();
      receiver.troubles.push(away);
      return true;
    };
    receiver.troubles.push(away);
    store(shm, 0, [{ metric: 'n', type: 'counter', value: 3 }]);
    const failed = await forward('--once', '--timeout', '500ms');
    expect(failed).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('answered 503; 1 point again in'),
    });
    receiver.troubles.length = 0;
    expect(await forward('--once')).toMatchObject({ status: 0 });
    expect(total(receiver)).toBe(3);
  });

  it('--check sends one point and says what came back', async () => {
    const { receiver, state, forward } = await setup();
    expect(await forward('--check')).toEqual({
      ...{ status: 0, stdout: 'prometheus-remote-write: accepted\n', stderr: '' },
    });
    expect(receiver.last()).toMatchObject([{ labels: { __name__: 'cfn_forward_check' } }]);
    receiver.troubles.push((_request, response) => {
      response.writeHead(401).end('who are you?');
      return true;
    });
    expect(await forward('--check', '--json')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('answered 401: who are you?'),
    });
    expect(() => readdirSync(state)).toThrow('ENOENT');
  });

  it('by SIGKILL loses nothing and tells nothing twice, and by SIGTERM tells what there is', async () => {
    const { receiver, shm, args } = await setup();
    for (let round = 0; round < 6; round += 1) {
      const { child } = startCli([...args, '--interval', '100ms']);
      const before = receiver.requests;
      for (let i = 0; receiver.requests < before + 2; i += 1) {
        store(shm, i % 3, [{ metric: 'n', type: 'counter', value: 1, agent: `agent-${i % 3}` }]);
        await delay(20);
      }
      child.kill(round === 5 ? 'SIGTERM' : 'SIGKILL');
      const [status] = (await once(child, 'close')) as [number | null];
      expect(status).toBe(round === 5 ? 0 : null);
    }
    const { stdout } = cli(['analyze', '--dir', shm, '--metric', 'n', '--json']);
    const counted = (JSON.parse(stdout) as { groups: { metric: string; sum: number }[] }).groups;
    const own = receiver.last().filter(({ labels }) => labels['__name__'] === 'cfn_n_total');
    expect(own.reduce((sum, { value }) => sum + value, 0)).toBe(
      counted.find(({ metric }) => metric === 'n')?.sum,
    );
    expect(receiver.refused).toEqual([]);
  });

  it('takes everything from the config file, secrets from the environment and files', async () => {
    const { receiver, cwd, shm } = await setup();
    writeFileSync(join(cwd, 'token'), 'k1\n');
    const section = { url: receiver.url, token: { file: join(cwd, 'token') }, labels: { cluster: 'x' } };
    const forward = {
      to: 'prometheus-remote-write',
      state: join(cwd, 's'),
      deny: ['b*'],
      'prometheus-remote-write': section,
    };
    writeFileSync(join(cwd, 'cfn-metrics.config.json'), JSON.stringify({ directory: shm, forward }));
    let authorization: string | undefined;
    receiver.troubles.push((request) => {
      ({ authorization } = request.headers);
      return false;
    });
    store(shm, 0, [{ metric: 'a' }, { metric: 'b' }]);
    const { CLI } = await import('./run.js');
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, [CLI, 'forward', '--once'], { cwd, stdio: 'ignore' });
    const [status] = (await once(child, 'exit')) as [number];
    expect({ status, authorization }).toEqual({ status: 0, authorization: 'Bearer k1' });
    expect(receiver.last()).toMatchObject([{ labels: { __name__: 'cfn_a', cluster: 'x' } }]);
  });
});

describe('forward refuses', () => {
  const url = ['--url', 'http://127.0.0.1:1'];
  it.each([
    [[], 'where to? --to takes otlp, datadog, newrelic, prometheus-remote-write'],
    [['--to', 'dattadog'], '--to "dattadog" is no backend; did you mean datadog?'],
    [['--to', 'prometheus-remote-write'], '--url is missing: prometheus-remote-write needs it, or'],
    [['--to', 'datadog'], 'datadog needs an API key: DD_API_KEY or --token-file, or apiKey in'],
    [['--to', 'newrelic'], 'newrelic needs a license key: NEW_RELIC_LICENSE_KEY or --token-file, or'],
    [
      ['--to', 'datadog', '--to', 'otlp', ...url],
      '--url needs one --to; of several, say it in the config file',
    ],
    [['--to', 'datadog', '--tenant', 'x'], '--tenant means nothing to datadog'],
    [['--to', 'otlp', '--per', 'x'], '--per must be agent or host, got "x"'],
    [['--to', 'otlp', '--interval', '1'], 'interval must be a time such as 30s, 5m or 1h30m, got "1"'],
    [['--to', 'otlp', '--interval', '2h'], 'interval must be from 100ms to 1h, got "2h"'],
    [['--to', 'otlp', '--timeout', '25d'], '--timeout must be from 0s to 24d, got "25d"'],
    [['--to', 'otlp', '--gauge', 'a=p99'], '--gauge must be METRIC=mean|sum|min|max|last, got "p99"'],
    [['--to', 'otlp', '--raw', '--per', 'host'], 'raw and perAgent: false exclude each other'],
    [['--to', 'otlp', '--check', '--once'], '--check and --once exclude each other'],
    [['--to', 'otlp', '--token-file', '/nowhere'], '--token-file "/nowhere" cannot be read: ENOENT'],
  ])('%j', (args, message) => {
    const { status, stderr } = cli(['forward', ...args]);
    expect(stderr).toMatch(/^cfn-metrics: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  it('a config file with what does not belong there', () => {
    const cwd = temporaryDirectory();
    const refuse = (forward: unknown): string => {
      writeFileSync(join(cwd, 'cfn-metrics.config.json'), JSON.stringify({ forward }));
      return cli(['forward', '--to', 'otlp'], { cwd }).stderr;
    };
    expect(refuse({ intervall: '1s' })).toContain(
      'has an unknown setting "intervall"; there are to, state, interval',
    );
    expect(refuse({ datadog: { url: 'x' } })).toContain('has an unknown setting "url"; there are interval');
    expect(refuse({ raw: 'yes' })).toContain('raw must be true or false, got "yes"');
    expect(refuse([])).toContain('must be a mapping of settings');
  });
});
