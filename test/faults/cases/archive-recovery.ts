import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRecord } from '../../../src/parse.js';
import type { FaultCase } from '../case.js';
import { storedFiles } from '../archived.js';
import { Random } from '../random.js';
import { Host, stop, until } from './archive-kills.js';

const INTERVAL_MS = 1000;
const ROUNDS = 6;
/** How late a timer may be is measured with one that comes so often. */
const STALL_MS = 10;

/** How late timers are on this machine at present, at worst. */
function watchStalls(): { worst: () => number; end: () => void } {
  let worst = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - STALL_MS);
    last = now;
  }, STALL_MS);
  return { worst: () => worst, end: () => clearInterval(timer) };
}

/** When each line of some text was stored, by its number. */
function timesOf(text: string): Map<number, number> {
  const records = text.split('\n').flatMap((line) => parseRecord(line) ?? []);
  return new Map(records.map(({ value, time }) => [value, time]));
}

/** The archiver is killed and RAM emptied: what is lost was stored within the interval and the time of a sync. */
export const archiveRecovery: FaultCase = {
  name: 'the recovery point of an archive',
  mutants: ['every third interval'],
  async run(context) {
    const host = new Host(context);
    const random = new Random(context.seed);
    const failures: string[] = [];
    const rounds = Math.max(2, Math.round(ROUNDS * context.scale));
    let [records, lost, worst, longest] = [0, 0, 0, 0];
    const stalls = watchStalls();
    for (let round = 0; round < rounds; round += 1) {
      const archiver = await host.startArchiver({ intervalMs: INTERVAL_MS });
      let events = '';
      archiver.stdout?.on('data', (chunk: Buffer) => (events += chunk.toString()));
      const writer = await host.startWriter();
      const before = host.stored.size;
      await until(() => host.stored.size > before && events.includes('synced'), 'a sync');
      await delay(random.between(1800, 2800));
      const killedAt = Date.now();
      await Promise.all([stop(archiver, 'SIGKILL'), stop(writer, 'SIGKILL')]);
      const inRam = readdirSync(host.shm).filter((name) => existsSync(join(host.shm, name)));
      const written = inRam.map((name) => readFileSync(join(host.shm, name), 'utf8')).join('');
      const kept = timesOf(
        storedFiles(host.archive)
          .map(({ text }) => text.toString())
          .join(''),
      );
      const all = timesOf(written);
      const missing = [...all].filter(([value]) => !kept.has(value)).map(([, time]) => time);
      records += all.size;
      lost += missing.length;
      const syncs = [...events.matchAll(/synced ([\d.]+)/g)].map(([, ms]) => Number(ms));
      longest = Math.max(longest, ...syncs);
      const age = Math.max(0, ...missing.map((time) => killedAt - time));
      worst = Math.max(worst, age);
      // The sync that was interrupted may have been as long as any other.
      const bound = INTERVAL_MS + longest + stalls.worst();
      if (age > bound)
        failures.push(`lost what was stored ${age} ms before the kill, of ${bound.toFixed(0)} ms`);
      for (const name of inRam) rmSync(join(host.shm, name));
    }
    stalls.end();
    const note = `${lost} records lost, stored ${worst} ms before a kill at most: interval ${INTERVAL_MS} ms, sync ${longest.toFixed(0)} ms`;
    return { records, kills: 2 * rounds, lost: 0, duplicated: 0, torn: 0, failures, note };
  },
};
