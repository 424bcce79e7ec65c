import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { contents } from '../archive/support.js';
import { temporaryDirectory } from '../support/directory.js';
import type { CompanionStatus } from '../../src/cli/up/companion.js';
import { backoffMs, failuresInRow } from '../../src/cli/up/backoff.js';
import { CLI, cleanEnvironment, cli, store } from './run.js';
import { WAIT } from '../support/wait.js';

const NAMES = ['analyzer', 'alerter', 'archiver', 'prometheus'] as const;
type Name = (typeof NAMES)[number];

interface Health {
  readonly status: string;
  readonly companions: Readonly<Record<Name, CompanionStatus> & { readonly forwarder?: CompanionStatus }>;
}

interface Up {
  readonly child: ChildProcessWithoutNullStreams;
  readonly directory: string;
  readonly archive: string;
  /** Status and body of a path. */
  readonly ask: (path: string) => Promise<{ status: number; body: string }>;
  readonly health: () => Promise<Health>;
  readonly log: () => string;
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

function place() {
  const root = temporaryDirectory();
  const [directory, archive, state] = ['shm', 'archive', 'state'].map((name) => join(root, name));
  mkdirSync(directory!);
  const options = [`--dir=${directory!}`, `--archive=${archive!}`, `--state=${state!}`];
  const ports = ['--health-port=0', '--prometheus-port=0', '--answer-port=0'];
  const env: Record<string, string> = { XDG_STATE_HOME: join(root, 'home') };
  return { root, directory: directory!, archive: archive!, args: ['up', ...options, ...ports], env };
}

async function start(
  more: readonly string[] = [],
  at = place(),
  nodeOptions: readonly string[] = [],
): Promise<Up> {
  const child = spawn(process.execPath, [...nodeOptions, CLI, ...at.args, ...more], {
    ...{ cwd: at.root, env: cleanEnvironment(at.env) },
  });
  const ended = once(child, 'close');
  // Its companions, too, write a last file before they end.
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let [output, log] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await vi.waitFor(() => expect(output).toContain('/health'), WAIT);
  const origin = /http:\/\/[^/]+/.exec(output)![0];
  const ask = async (path: string) => {
    const response = await fetch(`${origin}${path}`);
    return { status: response.status, body: await response.text() };
  };
  return {
    child,
    ...{ directory: at.directory, archive: at.archive, ask },
    health: async () => JSON.parse((await ask('/health')).body) as Health,
    log: () => output + log,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

async function ready(up: Up): Promise<Health> {
  await vi.waitFor(
    async () => expect(await up.ask('/-/ready')).toEqual({ status: 200, body: 'ready\n' }),
    WAIT,
  );
  return up.health();
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('cfn-metrics up', () => {
  it('runs all companions, each of which does its work, and says how they are', async () => {
    const up = await start();
    const { status, companions } = await ready(up);
    expect(status).toBe('ready');
    expect(Object.keys(companions)).toEqual(NAMES);
    expect(new Set(NAMES.map((name) => companions[name].pid)).size).toBe(NAMES.length);
    for (const name of NAMES) {
      expect(companions[name]).toMatchObject({
        state: 'running',
        restarts: 0,
        error: null,
        lastFailure: null,
      });
      expect(companions[name].rssBytes).toBeGreaterThan(companions[name].heapBytes!);
    }
    expect(await up.ask('/-/healthy')).toEqual({ status: 200, body: 'healthy\n' });
    expect((await up.ask('/')).status).toBe(404);

    store(up.directory, 1, [
      { metric: 'files_read', value: 3 },
      { metric: 'files_read', value: 5 },
    ]);
    const answer = `${companions.analyzer.url!}?window=1m&metric=files_*&group-by=agent`;
    await vi.waitFor(async () => {
      const { groups } = (await (await fetch(answer)).json()) as { groups: unknown[] };
      expect(groups).toMatchObject([{ agent: 'agent-1', count: 2, avg: 4 }]);
    }, WAIT);
    const scrape = await fetch(companions.prometheus.url!);
    expect(await scrape.text()).toContain('\ncfn_files_read{agent="agent-1"} 5\n');
    expect(await up.end()).toBe(0);
  });

  it('gives companions little room for new objects, and what else Node was told', async () => {
    const up = await start(['--only=prometheus'], place(), ['--max-old-space-size=512']);
    const pid = (await ready(up)).companions.prometheus.pid!;
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const told = ['--max-semi-space-size=4', '--max-old-space-size=512', CLI, 'serve', '--prometheus'];
    expect(words.slice(1, 1 + told.length)).toEqual(told);
  });

  it('tells malloc to give back what is free, but where it was told otherwise', async () => {
    const at = place();
    const up = await start(['--only=prometheus'], { ...at, env: { ...at.env, MALLOC_ARENA_MAX: '3' } });
    const pid = (await ready(up)).companions.prometheus.pid!;
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    expect(environment).toEqual(
      expect.arrayContaining(['MALLOC_ARENA_MAX=3', 'MALLOC_TRIM_THRESHOLD_=131072']),
    );
    expect(environment).not.toContain('MALLOC_ARENA_MAX=1');
  });

  it.each(NAMES)('starts the %s again when it is killed, and lets the others go on', async (name) => {
    const up = await start();
    const before = (await ready(up)).companions;
    process.kill(before[name].pid!, 'SIGKILL');
    await vi.waitFor(async () => expect((await up.health()).companions[name].restarts).toBe(1), WAIT);
    const after = (await ready(up)).companions;
    expect(after[name].pid).not.toBe(before[name].pid);
    expect(after[name].lastFailure?.error).toBe('ended with SIGKILL');
    for (const other of NAMES.filter((each) => each !== name)) {
      expect(after[other]).toMatchObject({ pid: before[other].pid, restarts: 0 });
    }
    expect(await up.end()).toBe(0);
  });

  it('forwards to the backends that the config file names, and says while one of them takes nothing', async () => {
    let status = 503;
    const received: string[] = [];
    const backend = createServer((request, response) => {
      request.resume().on('end', () => {
        if (status === 200) received.push(request.url!);
        response.writeHead(status).end();
      });
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      backend.close().closeAllConnections();
    });
    await once(backend, 'listening');
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/push`;
    const at = place();
    const forward = { to: 'prometheus-remote-write', interval: '1s', 'prometheus-remote-write': { url } };
    writeFileSync(join(at.root, 'cfn-metrics.config.json'), JSON.stringify({ forward }));
    store(at.directory, 1, [{ metric: 'files_read', value: 3 }]);
    const up = await start(['--without=prometheus,analyzer'], at);
    await vi.waitFor(
      async () => expect(await up.ask('/-/ready')).toEqual({ status: 503, body: 'not ready: forwarder\n' }),
      WAIT,
    );
    expect((await up.health()).companions.forwarder).toMatchObject({
      ...{ state: 'running', restarts: 0, lagMs: expect.any(Number) as number },
      error: expect.stringMatching(/^prometheus-remote-write: .*503/) as string,
    });
    status = 200;
    const { companions } = await ready(up);
    expect(Object.keys(companions)).toEqual(['alerter', 'archiver', 'forwarder']);
    await vi.waitFor(() => expect(received).toContain('/push'), WAIT);
    expect(await up.end()).toBe(0);
  });

  it('says that one is not ready, which makes the whole not ready and yet healthy', async () => {
    const up = await start(['--only', 'analyzer,archiver']);
    const { companions } = await ready(up);
    expect(Object.keys(companions)).toEqual(['analyzer', 'archiver']);
    process.kill(companions.analyzer.pid!, 'SIGKILL');
    await vi.waitFor(
      async () => expect(await up.ask('/-/ready')).toEqual({ status: 503, body: 'not ready: analyzer\n' }),
      WAIT,
    );
    expect((await up.ask('/-/healthy')).status).toBe(200);
    await ready(up);
  });

  it('is not ready while the directory of the shards is away', async () => {
    const up = await start(['--only', 'analyzer,prometheus']);
    const { companions } = await ready(up);
    renameSync(up.directory, `${up.directory}-away`);
    await vi.waitFor(
      async () =>
        expect(await up.ask('/-/ready')).toEqual({ status: 503, body: 'not ready: analyzer, prometheus\n' }),
      WAIT,
    );
    expect((await up.health()).companions.prometheus.error).toBe(`directory ${up.directory} does not exist`);
    renameSync(`${up.directory}-away`, up.directory);
    const after = (await ready(up)).companions;
    expect(after.analyzer.pid).toBe(companions.analyzer.pid);
  });

  it('kills what hangs, and starts it again', async () => {
    const up = await start(['--only=analyzer', '--hang-after=2s']);
    const { companions } = await ready(up);
    process.kill(companions.analyzer.pid!, 'SIGSTOP');
    await vi.waitFor(async () => {
      expect((await up.health()).companions.analyzer.lastFailure?.error).toBe('said nothing for 2 s');
    }, WAIT);
    await ready(up);
  });

  it('starts the archiver again when it is killed, though the command that it started lives on', async () => {
    const at = place();
    const [hook, pids] = [join(at.root, 'hook'), join(at.root, 'pids')];
    writeFileSync(hook, `#!/bin/sh\necho $$ >> '${pids}'\nexec sleep 1000\n`, { mode: 0o755 });
    mkdirSync(at.archive);
    writeFileSync(join(at.archive, 'cfn-metrics-20260101-0.jsonl.gz'), gzipSync(''));
    onTestFinished(() => {
      for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) {
        if (runs(Number(pid))) process.kill(Number(pid), 'SIGKILL');
      }
    });
    const up = await start(['--only=archiver', `--pass=archiver=--before-delete=${hook}`], at);
    const { companions } = await ready(up);
    await vi.waitFor(() => expect(readFileSync(pids, 'utf8')).toMatch(/^\d+\n$/), WAIT);
    process.kill(companions.archiver.pid!, 'SIGKILL');
    await vi.waitFor(async () => expect((await up.health()).companions.archiver.restarts).toBe(1), WAIT);
    expect(runs(Number(readFileSync(pids, 'utf8').split('\n')[0]))).toBe(true);
    await ready(up);
    expect(await up.end()).toBe(0);
  });

  it('ends all in good order, the archiver last, and nothing is lost', async () => {
    const up = await start();
    const { companions } = await ready(up);
    store(up.directory, 1, [{ metric: 'just_before_the_end' }]);
    expect(await up.end()).toBe(0);
    const archived = Object.values(contents(up.archive)).join('');
    expect(archived).toContain('just_before_the_end');
    // The last words of the others too.
    expect(archived).toContain('"agent":"cfn-analyzer"');
    expect(archived).toContain('"agent":"cfn-up"');
    const stops = [...up.log().matchAll(/ (\w+): stopped\n/g)].map(([, name]) => name);
    expect(stops).toHaveLength(4);
    expect(stops.at(-1)).toBe('archiver');
    for (const name of NAMES) expect(runs(companions[name].pid!)).toBe(false);
  });

  it('kills what does not end in time, says so, and fails', async () => {
    const up = await start(['--only=analyzer,archiver', '--stop-timeout=2s']);
    const { companions } = await ready(up);
    process.kill(companions.analyzer.pid!, 'SIGSTOP');
    expect(await up.end('SIGINT')).toBe(1);
    expect(up.log()).toContain('cfn-metrics: analyzer did not end within 2 s, and was killed\n');
    // Even so the archiver waited for it.
    const stops = [...up.log().matchAll(/ (\w+): stopped/g)].map(([, name]) => name);
    expect(stops).toEqual(['analyzer', 'archiver']);
    expect(up.log()).toContain('archiver: stopped\n');
  });

  it('takes a signal that comes twice for one, as timeout(1) sends it', async () => {
    const up = await start(['--only=analyzer,archiver']);
    await ready(up);
    up.child.kill('SIGTERM');
    expect(await up.end()).toBe(0);
    const stops = [...up.log().matchAll(/ (\w+): stopped\n/g)].map(([, name]) => name);
    expect(stops).toEqual(['analyzer', 'archiver']);
  });

  it('kills all of them when it is told again to end, and fails', async () => {
    const up = await start(['--only=analyzer,archiver']);
    const { companions } = await ready(up);
    process.kill(companions.analyzer.pid!, 'SIGSTOP');
    up.child.kill('SIGINT');
    await delay(1100);
    expect(await up.end('SIGINT')).toBe(1);
    expect(up.log()).toContain('analyzer: stopped: ended with SIGKILL\n');
    for (const name of ['analyzer', 'archiver'] as const) expect(runs(companions[name].pid!)).toBe(false);
  });

  it('leaves nobody behind when it is killed itself', async () => {
    const up = await start();
    const { companions } = await ready(up);
    await up.end('SIGKILL');
    await vi.waitFor(() => {
      for (const name of NAMES) expect(runs(companions[name].pid!)).toBe(false);
    }, WAIT);
  });

  it('hands signals on: SIGUSR1 and SIGUSR2 make the archiver sync and seal, SIGHUP the alerter reload', async () => {
    const up = await start(['--only=archiver,alerter', '--pass=archiver=--finish-after=100ms']);
    await ready(up);
    store(up.directory, 1, [{ metric: 'signalled' }]);
    up.child.kill('SIGUSR1');
    await vi.waitFor(() => expect(Object.values(contents(up.archive)).join('')).toContain('signalled'), WAIT);
    up.child.kill('SIGUSR2');
    await vi.waitFor(
      () => expect(up.log()).toMatch(/ archiver: compressed cfn-metrics-\d{8}-1\.jsonl: /),
      WAIT,
    );
    up.child.kill('SIGHUP');
    await vi.waitFor(() => expect(up.log()).toMatch(/ alerter: reloaded: /), WAIT);
  });

  it('says everything as JSON where that is wanted', async () => {
    const up = await start(['--only=archiver', '--json']);
    await ready(up);
    expect(await up.end()).toBe(0);
    const lines = up.log().trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { type: string; companion?: string });
    expect(events[0]).toMatchObject({ type: 'listening' });
    expect(events.filter(({ companion }) => companion === 'archiver').map(({ type }) => type)).toEqual(
      expect.arrayContaining(['started', 'said', 'ready', 'stopped']),
    );
  });
});

describe('cfn-metrics up, told what cannot be', () => {
  it.each([
    [['--only', 'analyser'], '--only "analyser" is no companion; did you mean analyzer?'],
    [
      ['--without', 'x'],
      '--without "x" is no companion; there are analyzer, alerter, archiver, prometheus, forwarder',
    ],
    [['--without', NAMES.join()], '--without leaves nothing of analyzer, alerter, archiver, prometheus'],
    [['--only', 'alerter', '--without', 'archiver'], '--only and --without exclude each other'],
    [['--pass', 'archiver'], '--pass must be such as archiver=--interval=1m, got "archiver"'],
    [['--health-port', '70000'], '--health-port must be a whole number from 0 to 65535, got "70000"'],
    [['--stop-timeout', '5'], '--stop-timeout must be a time such as 30s, 5m or 1h30m, got "5"'],
    [['--hang-after', '1ms'], '--hang-after must be from 1s to 1d, got "1ms"'],
  ])('%j is bad usage', (args, message) => {
    expect(cli(['up', ...args])).toEqual({ status: 2, stdout: '', stderr: `cfn-metrics: ${message}\n` });
  });

  it('says in one line what is wrong in the config file or the environment', () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'cfn-metrics.config.json'), '{"retentionDays": 0}');
    expect(cli(['up'], { cwd })).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^cfn-metrics: retentionDays in [^\n]* must be [^\n]*, got 0\n$/,
      ) as string,
    });
    expect(cli(['up'], { env: { CFN_METRICS_SYNC_INTERVAL: 'often' } })).toMatchObject({
      status: 2,
      stderr: 'cfn-metrics: CFN_METRICS_SYNC_INTERVAL must be a time such as 30s, 5m or 1h30m, got "often"\n',
    });
  });

  it('says that a port is taken, and whose: its own before anything starts, a companion’s and ends all', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { args, env } = place();
    expect(cli([...args, `--health-port=${port}`], { env })).toEqual({
      status: 2,
      stdout: '',
      stderr: `cfn-metrics: --health-port ${port} cannot be used on 127.0.0.1: somebody else listens there\n`,
    });
    const why = `--port ${port} cannot be used on 127.0.0.1: somebody else listens there`;
    for (const [name, option] of [
      ['prometheus', 'prometheus-port'],
      ['analyzer', 'answer-port'],
    ] as const) {
      const { status, stderr } = cli([...args, `--${option}=${port}`], { env });
      expect(stderr.split(why)).toHaveLength(2);
      expect(stderr.endsWith(`\ncfn-metrics: ${name} cannot be started: ${why}\n`)).toBe(true);
      expect(status).toBe(2);
    }
  });
});

describe('the time before the next start', () => {
  it('is half a second, doubles with each failure, and is half a minute at most', () => {
    expect([1, 2, 3, 6, 7, 8, 1000].map(backoffMs)).toEqual([
      500, 1000, 2000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  it('begins anew after a minute of work', () => {
    expect(failuresInRow(3, 59_999)).toBe(4);
    expect(failuresInRow(3, 60_000)).toBe(1);
  });
});
