import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { cleanEnvironment, CLI, store } from '../cli/run.js';
import { temporaryDirectory } from '../support/directory.js';

const KILLS = 50;
const AGENTS_A_RUN = 4;

interface StoredState {
  readonly channels: [string, { told: [string, { status: string }][] }][];
}

/** What the state file says that the channel accepted. */
function recorded(path: string): Set<string> {
  if (!existsSync(path)) return new Set();
  const { channels } = JSON.parse(readFileSync(path, 'utf8')) as StoredState;
  return new Set(channels.flatMap(([, { told }]) => told.map(([fingerprint]) => fingerprint)));
}

it(`loses no alert when it is killed ${KILLS} times, and repeats only what a kill kept from being recorded`, async () => {
  const root = temporaryDirectory();
  const [directory, state] = [join(root, 'shm'), join(root, 'state')];
  mkdirSync(directory);
  const arrived = new Map<string, { agent: string; times: number }>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      for (const { fingerprint, labels } of JSON.parse(body).alerts) {
        const seen = arrived.get(fingerprint) ?? { agent: labels.agent, times: 0 };
        arrived.set(fingerprint, { ...seen, times: seen.times + 1 });
      }
      // some time between what arrives and what is said to have arrived
      setTimeout(() => response.end('ok'), Math.random() * 30);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const connections = promisify((callback: (error: Error | null, count: number) => void) => {
    server.getConnections(callback);
  });
  const { port } = server.address() as AddressInfo;
  const rules = join(root, 'rules.yaml');
  writeFileSync(
    rules,
    `defaults: false
interval: 1s
grouping: { by: [agent], interval: 0s }
channels: { ops: { type: webhook, url: 'http://127.0.0.1:${port}/', maxPerMinute: 6000 } }
rules:
  - { name: Load, metric: load, statistic: last, window: 5m, above: 70, groupBy: [agent], repeatInterval: 1h }
`,
  );
  const args = [CLI, 'alert', '--rules', rules, '--state', state, '--dir', directory];
  const start = () => {
    const child = spawn(process.execPath, args, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  let agent = 0;
  const breach = (): void => {
    for (let i = 0; i < AGENTS_A_RUN; i += 1) {
      agent += 1;
      store(directory, 0, [{ agent: `agent-${agent}`, metric: 'load', value: 99 }]);
    }
  };
  const unrecorded: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    breach();
    const before = new Map(arrived);
    const child = start();
    // every third in its beginning, the others from the moment on at which it sends
    if (kill % 3 !== 0) while (arrived.size === before.size && child.exitCode === null) await delay(2);
    await delay(Math.random() * (kill % 3 === 0 ? 600 : 80));
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    // what it had written to its connections when it was killed is still on its way
    while ((await connections()) > 0) await delay(1);
    const known = recorded(join(state, 'state.json'));
    // what this one sent and the file does not know will be sent again
    for (const [fingerprint, { times }] of arrived) {
      const sent = times - (before.get(fingerprint)?.times ?? 0);
      if (!known.has(fingerprint)) unrecorded.push(...Array.from({ length: sent }, () => fingerprint));
    }
  }
  const last = start();
  const wanted = Array.from({ length: agent }, (_, i) => `agent-${i + 1}`);
  const told = (): Set<string> => new Set([...arrived.values()].map(({ agent: name }) => name));
  for (let i = 0; i < 1000 && told().size < agent; i += 1) await delay(20);
  await delay(200);
  const exited = once(last, 'exit');
  last.kill('SIGTERM');
  expect((await exited)[0]).toBe(0);
  const lost = wanted.filter((name) => !told().has(name));
  const repeats = [...arrived].flatMap(([fingerprint, { times }]) =>
    Array.from({ length: times - 1 }, () => fingerprint),
  );
  console.log(
    `${agent} alerts, ${KILLS} kills: lost ${lost.length}, told twice ${repeats.length}, kills between sending and recording ${unrecorded.length}`,
  );
  expect(lost).toEqual([]);
  expect(repeats.sort()).toEqual(unrecorded.sort());
}, 300_000);
