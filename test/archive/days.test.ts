import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readArchive } from '../../src/archive/index.js';
import { dateOf } from '../../src/archive/names.js';
import { formatRecord } from '../../src/record.js';
import { shardOf } from '../../src/store/shard.js';
import { DAY_MS, names, setup } from './support.js';

const DAYS = 40;
const AGENTS = 500;
const SHARDS = 16;
const START = Date.parse('2026-10-01T00:00:00Z');
const HOUR_MS = 3_600_000;

/** What 500 agents write in six hours, by shard. */
function quarter(from: number): string[] {
  const texts = Array.from({ length: SHARDS }, () => '');
  for (let agent = 0; agent < AGENTS; agent += 1) {
    const id = `agent-${agent}`;
    const record = {
      ...{ time: from + agent * 40_000, agent: id, metric: 'coordination_time_ms', unit: 'ms' },
      ...{ value: (agent * 7919 + from / HOUR_MS) % 9973, type: 'gauge' as const },
      attributes: { phase: 'plan', team: `alpha-${agent % 9}` },
    };
    texts[shardOf(id, SHARDS)] += formatRecord(record);
  }
  return texts;
}

it('keeps 40 days of 500 agents exactly as its policy says', async () => {
  const { archive, clock, directory, live, open } = setup({ finishMs: 60_000, hotFloorMs: 600_000 });
  const archiver = open();
  const byDay: { kept: number; plainBytes: number; storedBytes: number }[] = [];
  for (let day = 0; day < DAYS; day += 1) {
    const midnight = START + day * DAY_MS;
    for (let part = 0; part < 4; part += 1) {
      clock.now = midnight + part * 6 * HOUR_MS + 5 * 60_000;
      await archiver.once();
      for (const [shard, text] of quarter(clock.now).entries()) live(shard, text);
      clock.now += 5 * HOUR_MS + 50 * 60_000;
      expect(await archiver.once()).toBe(true);
    }
    const compressed = names(archive).filter((name) => name.endsWith('.gz'));
    // Each day that is over and no more than 30 days ago has one segment a shard, and no other day has any.
    const first = Math.max(0, day - 30);
    const wanted = Array.from({ length: day - first }, (_, i) => dateOf(START + (first + i) * DAY_MS));
    expect([...new Set(compressed.map((name) => name.split('-')[2]))]).toEqual(wanted);
    expect(compressed).toHaveLength(wanted.length * SHARDS);
    // The copies of today, and in RAM today's shards; yesterday's were there until the evening.
    const copies = readdirSync(archive).filter((name) => name.endsWith('.jsonl'));
    expect(copies.sort()).toEqual(Array.from({ length: SHARDS }, (_, i) => `cfn-metrics-${i}.jsonl`).sort());
    expect(readdirSync(directory).filter((name) => name.endsWith('.jsonl'))).toHaveLength(SHARDS);
    const today = wanted.at(-1) ?? '';
    const yesterdays = compressed.filter((name) => name.includes(today));
    const sizes = yesterdays.map((name) => {
      const bytes = readFileSync(join(archive, name));
      return { storedBytes: bytes.length, plainBytes: gunzipSync(bytes).length };
    });
    byDay.push({
      kept: wanted.length,
      plainBytes: sizes.reduce((sum, { plainBytes }) => sum + plainBytes, 0),
      storedBytes: sizes.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    });
  }
  expect(byDay.map(({ kept }) => kept)).toEqual(Array.from({ length: DAYS }, (_, day) => Math.min(day, 30)));
  for (const { plainBytes, storedBytes } of byDay.slice(1)) {
    // Much smaller files than those of a real day, which shrink by more.
    expect(storedBytes).toBeLessThan(plainBytes * 0.2);
  }
  // Every record of the days that are kept, once.
  let records = 0;
  const seen = new Set<string>();
  for await (const batch of readArchive(archive)) {
    for (const { agent, time } of batch) {
      records += 1;
      seen.add(`${agent} ${time}`);
    }
  }
  expect(records).toBe(31 * 4 * AGENTS);
  expect(seen.size).toBe(records);
  expect(archiver.status.archiveBytes).toBe(
    names(archive)
      .filter((name) => /\.jsonl(\.gz)?$/.test(name))
      .reduce((sum, name) => sum + statSync(join(archive, name)).size, 0),
  );
}, 120_000);
