import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type HistoryOptions, readHistory } from '../../src/archive/index.js';
import { formatRecord } from '../../src/record.js';
import { liveName } from '../../src/store/shard.js';
import { cleanEnvironment } from '../cli/run.js';
import { temporaryDirectory } from '../support/directory.js';
import { names } from './support.js';
import { WAIT } from '../support/wait.js';

const SHARDS = 4;

/** The built library; `npm test` builds before. */
const LIBRARY = new URL('../../dist/archive/index.js', import.meta.url).href;

/** An archiver in a process of its own that does within milliseconds what takes days otherwise. */
function hurriedArchiver(directory: string, archive: string) {
  const options = {
    ...{ directory, archive, metrics: false, rotateBytes: 4000, intervalMs: 10, tickMs: 10 },
    ...{ holdMs: 0, finishMs: 80, hotFloorMs: 250, hotRetentionMs: 300 },
  };
  const program = `
    import { createArchiver } from ${JSON.stringify(LIBRARY)};
    const onEvent = ({ type, error }) => console.log(type, error?.message ?? '');
    const archiver = createArchiver({ ...${JSON.stringify(options)}, onEvent });
    const stop = new AbortController();
    process.once('SIGTERM', () => stop.abort());
    await archiver.run(stop.signal);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  return { child, log: () => log };
}

/** The numbers that are read, shard by shard, in the order of their lines. */
async function byShard(options: HistoryOptions, asLines: boolean): Promise<number[][]> {
  const history = readHistory(options);
  const found = Array.from({ length: SHARDS }, (): number[] => []);
  if (asLines) {
    let text = '';
    for await (const lines of history.lines(({ metric }) => metric === 'n'))
      text += Buffer.from(lines).toString();
    for (const json of text.split('\n').slice(0, -1)) {
      const { agent, value } = JSON.parse(json) as { agent: string; value: number };
      found[Number(agent.slice('agent-'.length))]!.push(value);
    }
  } else {
    for await (const records of history) {
      for (const { metric, agent, value } of records) {
        if (metric === 'n') found[Number(agent.slice('agent-'.length))]!.push(value);
      }
    }
  }
  expect(history.counts).toMatchObject({ torn: 0, foreign: 0, unreadable: [] });
  return found;
}

it('each record comes once and in order, while an archiver seals, copies, compresses and releases', async () => {
  const root = temporaryDirectory();
  const [directory, archive] = [join(root, 'shm'), join(root, 'archive')];
  mkdirSync(directory);
  mkdirSync(archive);
  const written = new Array<number>(SHARDS).fill(0);
  const writer = setInterval(() => {
    for (let shard = 0; shard < SHARDS; shard += 1) {
      // by its name each time, as bash does
      const record = { time: Date.now(), agent: `agent-${shard}`, metric: 'n', value: written[shard]! };
      appendFileSync(join(directory, liveName(shard)), formatRecord(record), { mode: 0o600 });
      written[shard]! += 1;
    }
  }, 1);
  onTestFinished(() => clearInterval(writer));
  const { child, log } = hurriedArchiver(directory, archive);
  let readings = 0;
  const compressed = (): number => names(archive).filter((name) => name.endsWith('.gz')).length;
  for (const end = Date.now() + 6000; Date.now() < end || compressed() < 40; readings += 1) {
    const before = [...written];
    const options = { directory, archive, ...(readings % 3 === 2 && { since: Date.now() - 86_400_000 }) };
    const found = await byShard(options, readings % 2 === 1);
    for (const [shard, values] of found.entries()) {
      const wrong = values.findIndex((value, i) => value !== i);
      expect([readings, shard, wrong, values.slice(wrong - 2, wrong + 3)]).toEqual([
        readings,
        shard,
        -1,
        values.slice(-3, 2),
      ]);
      expect(values.length).toBeGreaterThanOrEqual(before[shard]!);
      expect(values.length).toBeLessThanOrEqual(written[shard]!);
    }
    await delay(1);
  }
  clearInterval(writer);
  expect(log()).toContain('released');
  expect(log()).not.toContain('error');
  const all = written.map((count) => Array.from({ length: count }, (_, i) => i));
  await vi.waitFor(async () => expect(await byShard({ directory: [], archive }, false)).toEqual(all), WAIT);
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(await byShard({ directory, archive }, true)).toEqual(all);
  expect(await byShard({ directory: [], archive }, false)).toEqual(all);
}, 180_000);
