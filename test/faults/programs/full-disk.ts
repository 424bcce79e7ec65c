import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readAcknowledged } from '../audit.js';
import { exited } from '../processes.js';
import { HOLD_MS, RECHECK_MS } from '../settings.js';
import { mountSmallDisk } from '../small-disk.js';

interface Settings {
  readonly shards: string;
  readonly archive: string;
  readonly acknowledgements: string;
  readonly writers: readonly string[];
  readonly sealer: string;
  /** Ends when so many records were stored. */
  readonly records: number;
  readonly seed: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const { shards, archive, acknowledgements, writers } = settings;

function start(path: string, options: object): ChildProcess {
  return spawn(process.execPath, [path, JSON.stringify(options)], { stdio: ['pipe', 'ignore', 'inherit'] });
}

function startSealer(drain: boolean): ChildProcess {
  const finishMs = RECHECK_MS + 20;
  // All writers use the lock, so nothing has to linger.
  const options = { directory: shards, archive, holdMs: HOLD_MS, finishMs, lingerMs: 0, pauseMs: 10, drain };
  return start(settings.sealer, options);
}

async function succeeded(child: ChildProcess, who: string): Promise<void> {
  await exited(child);
  if (child.exitCode !== 0) throw new Error(`${who} ended with ${child.exitCode ?? child.signalCode}`);
}

mountSmallDisk(shards);
const children = Array.from({ length: 8 }, (_, agent) =>
  start(writers[agent % writers.length]!, {
    directory: shards,
    shards: 2,
    agent: Math.floor(agent / 2),
    writer: `node-${agent}`,
    acknowledgements: join(acknowledgements, `node-${agent}`),
    seed: settings.seed + agent,
    burst: 20,
    pauseMs: 2,
  }),
);
const sealer = startSealer(false);
// By then every writer has met the end of the file system many times.
for (let stored = 0, working = 0; stored < settings.records || working < children.length;) {
  await delay(100);
  const acknowledged = readAcknowledged(acknowledgements);
  stored = acknowledged.records;
  working = [...acknowledged.stored.values()].filter(({ length }) => length > 0).length;
}
for (const child of children) child.kill('SIGTERM');
await Promise.all(children.map((child) => succeeded(child, 'a writer')));
sealer.kill('SIGKILL');
await exited(sealer);
await succeeded(startSealer(true), 'the last sealer');
process.stdout.write('{}');
