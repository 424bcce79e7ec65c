// What the parts of `npm run test:system` do alike: real servers on free ports, asked until they answer, and ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const READY_WITHIN_MS = 30_000;

/** A port of 127.0.0.1 that nobody has at the moment. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** What a condition comes to as soon as that is something; undefined where it is nothing within that time. */
export async function until(condition, ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const value = await condition();
    if (value) return value;
    await delay(50);
  }
  return undefined;
}

/** Ends a process, unless it has ended, and waits for that. */
export async function endProcess(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** A server that answers at a URL once it is ready, and can be ended and started again. */
export async function startServer(command, flags, readyUrl) {
  const isReady = async () => {
    const response = await fetch(readyUrl).catch(() => undefined);
    await response?.text();
    return response?.ok;
  };
  let child;
  const start = async () => {
    child = spawn(command, flags, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (await until(isReady, READY_WITHIN_MS)) return;
    await endProcess(child, 'SIGKILL');
    throw new Error(`${command} is not ready`);
  };
  await start();
  return { start, end: (signal) => endProcess(child, signal) };
}

/** What a backend that answers as Prometheus does says to a query. */
export async function askPrometheus(url, path, parameters) {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(`${error}: ${parameters.query}`);
  return data.result;
}
