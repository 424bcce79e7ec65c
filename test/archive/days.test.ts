import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type ArchiveEvent, type ArchiverOptions, readArchive } from '../../src/archive/index.js';
import { dateOf } from '../../src/archive/names.js';
import { formatRecord } from '../../src/record.js';
import { shardOf } from '../../src/store/shard.js';
import { DAY_MS, names, setup } from './support.js';

const AGENTS = 500;
/** Few, for each is a compression and four times fsync a day. */
const SHARDS = 4;
const START = Date.parse('2026-10-01T00:00:00Z');
const HOUR_MS = 3_600_000;
/** Records of an agent a day. */
const PARTS = 2;
const PART_MS = DAY_MS / PARTS;

/** What 500 agents write in half a day, by shard. */
function half(from: number): string[] {
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

/** A segment that went, and what was there just before. */
interface Gone {
  readonly name: string;
  readonly reason: 'age' | 'size';
  readonly bytesBefore: number;
}

/** How things are at the end of a day. */
interface Day {
  readonly date: string;
  /** Names of the compressed segments, without `.gz`. */
  readonly segments: readonly string[];
  readonly archiveBytes: number;
  readonly hotBytes: number;
  readonly hot: readonly string[];
  readonly deleted: readonly Gone[];
  readonly released: readonly Gone[];
}

function bytesIn(directory: string): number {
  const files = readdirSync(directory).filter((name) => /\.jsonl(\.gz)?$/.test(name));
  return files.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function listed(...directories: readonly string[]): string {
  return directories.flatMap((directory) => readdirSync(directory).sort()).join();
}

/** 500 agents, day after day, by the clock of the test; how it was at the end of each, and the archive. */
async function simulate(days: number, options: Partial<ArchiverOptions>) {
  const test = setup({ finishMs: 60_000, hotFloorMs: 600_000, ...options });
  const { archive, directory, clock, live } = test;
  const deleted: Gone[] = [];
  const released: Gone[] = [];
  const sizes = new Map<string, number>();
  const onEvent = (event: ArchiveEvent): void => {
    if (event.type === 'compressed') sizes.set(event.name, event.entry.compressedBytes);
    if (event.type === 'deleted') {
      const { name, reason } = event;
      deleted.push({ name, reason, bytesBefore: bytesIn(archive) + sizes.get(name)! });
    }
    if (event.type === 'released') {
      const { name, reason } = event;
      // Nothing leaves RAM before it is in the archive.
      expect(existsSync(join(archive, `${name}.gz`))).toBe(true);
      const text = readFileSync(join(archive, `${name}.gz.json`), 'utf8');
      const { bytes } = JSON.parse(text) as { bytes: number };
      released.push({ name, reason, bytesBefore: bytesIn(directory) + bytes });
    }
  };
  const archiver = test.open({ onEvent });
  const table: Day[] = [];
  for (let day = 0; day < days; day += 1) {
    for (let part = 0; part < PARTS; part += 1) {
      clock.now = START + day * DAY_MS + part * PART_MS + 5 * 60_000;
      expect(await archiver.once()).toBe(true);
      for (const [shard, text] of half(clock.now).entries()) live(shard, text);
      clock.now += PART_MS - 10 * 60_000;
      // What one look seals, the next one compresses and lets go.
      for (let before = ''; before !== listed(archive, directory);) {
        before = listed(archive, directory);
        expect(await archiver.once()).toBe(true);
      }
    }
    table.push({
      date: dateOf(clock.now),
      segments: names(archive).flatMap((name) => (name.endsWith('.gz') ? [name.slice(0, -3)] : [])),
      ...{ archiveBytes: bytesIn(archive), hotBytes: bytesIn(directory) },
      hot: names(directory).filter((name) => name.endsWith('.jsonl')),
      ...{ deleted: deleted.splice(0), released: released.splice(0) },
    });
    expect(archiver.status.archiveBytes).toBe(bytesIn(archive));
  }
  return { archive, table };
}

/** The segments of a day, one a shard. */
function segmentsOf(date: string): string[] {
  return Array.from({ length: SHARDS }, (_, shard) => `cfn-metrics-${date}-${shard}.jsonl`);
}

function dayBefore(days: number, date: string): string {
  const text = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T00:00:00Z`;
  return dateOf(Date.parse(text) - days * DAY_MS);
}

/** All that goes together: oldest first, and why. */
function gone(all: readonly Gone[]): { name: string; reason: string }[] {
  return all.map(({ name, reason }) => ({ name, reason }));
}

/** By date, and shard after shard. */
function byAge(list: readonly string[]): string[] {
  const key = (name: string): [string, number] => {
    const [, date = '', shard = ''] = /-(\d{8})-(\d+)/.exec(name) ?? [];
    return [date, Number(shard)];
  };
  return [...list].sort((a, b) => {
    const [[dateA, shardA], [dateB, shardB]] = [key(a), key(b)];
    return dateA < dateB ? -1 : dateA > dateB ? 1 : shardA - shardB;
  });
}

/** Every record of the days that are in an archive, and how often the most frequent one is there. */
async function recordsIn(archive: string): Promise<{ records: number; times: number }> {
  const seen = new Map<string, number>();
  for await (const batch of readArchive(archive)) {
    for (const { agent, time } of batch) {
      const key = `${agent} ${time}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  return { records: seen.size, times: Math.max(...seen.values()) };
}

const ALL = Array.from({ length: SHARDS }, (_, shard) => `cfn-metrics-${shard}.jsonl`);

/** The rows of a table of the documents, by their first cell. */
function documented(page: string, title: string): Map<number, number[]> {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const table = text.slice(text.indexOf(title)).split('\n\n')[2] ?? '';
  const rows = [...table.matchAll(/^\|(.*\d.*)\|$/gm)].map(([, cells = '']) => cells.split('|').map(Number));
  return new Map(rows.map(([day = NaN, ...rest]) => [day, rest]));
}

it('keeps 30 days of 500 agents, and a day of them in RAM', async () => {
  const { archive, table } = await simulate(34, {});
  const rows = documented('archive.md', '## Thirty days');
  expect([...rows.keys()]).toEqual([1, 2, 7, 30, 31, 32, 34]);
  for (const [day, { date, segments, hot, deleted, released, ...bytes }] of table.entries()) {
    // Every day that is over and no more than 30 days ago, one segment a shard; the oldest one went today.
    const kept = Array.from({ length: Math.min(day, 30) }, (_, before) => dayBefore(before + 1, date));
    expect(byAge(segments)).toEqual(byAge(kept.flatMap(segmentsOf)));
    const reason = 'age';
    const old = day > 30 ? segmentsOf(dayBefore(31, date)) : [];
    expect(gone(deleted)).toEqual(old.map((name) => ({ name, reason })));
    // Yesterday was in RAM until this evening; now only today is.
    const yesterday = day > 0 ? segmentsOf(dayBefore(1, date)) : [];
    expect(gone(released)).toEqual(yesterday.map((name) => ({ name, reason })));
    expect([...hot].sort()).toEqual([...ALL].sort());
    const row = rows.get(day + 1);
    if (row === undefined) continue;
    const [days, files, archiveKB, hotKB] = row;
    expect([days, files]).toEqual([kept.length, segments.length]);
    expect(hotKB).toBe(Math.round(bytes.hotBytes / 1000));
    // Not to the byte: each zlib compresses a little differently.
    expect(Math.abs(bytes.archiveBytes / 1000 / archiveKB! - 1)).toBeLessThan(0.05);
  }
  expect(await recordsIn(archive)).toEqual({ records: 31 * PARTS * AGENTS, times: 1 });
}, 120_000);

it('keeps no more than it may have, and then the newest', async () => {
  const maxArchiveBytes = 250_000;
  const { archive, table } = await simulate(12, { maxArchiveBytes });
  const all: string[] = [];
  const went: Gone[] = [];
  for (const { date, segments, archiveBytes, deleted } of table) {
    expect(archiveBytes).toBeLessThanOrEqual(maxArchiveBytes);
    went.push(...deleted);
    if (all.length > 0 || segments.length > 0) all.push(...segmentsOf(dayBefore(1, date)));
    // The oldest went, as many as had to; everything that was not is there.
    expect(went.map(({ name }) => name)).toEqual(all.slice(0, went.length));
    expect(byAge(segments)).toEqual(all.slice(went.length));
  }
  expect(went.length).toBeGreaterThan(SHARDS);
  for (const { reason, bytesBefore } of went) {
    expect(reason).toBe('size');
    expect(bytesBefore).toBeGreaterThan(maxArchiveBytes);
  }
  const { times } = await recordsIn(archive);
  expect(times).toBe(1);
}, 180_000);

it('keeps no more in RAM than it may, nothing for longer, and loses nothing', async () => {
  const maxHotBytes = 150_000;
  const days = 8;
  const { archive, table } = await simulate(days, { maxHotBytes, hotRetentionMs: 13 * HOUR_MS });
  const went: string[] = [];
  for (const [day, { date, segments, hotBytes, hot, released }] of table.entries()) {
    expect(hotBytes).toBeLessThanOrEqual(maxHotBytes);
    // Everything that was sealed has left, once, and is in the archive; live shards are always there.
    went.push(...released.map(({ name }) => name));
    expect(byAge(went)).toEqual(byAge(segments));
    expect([...hot].sort()).toEqual([...ALL].sort());
    const earlier = Array.from({ length: day }, (_, before) => dayBefore(before + 1, date));
    expect(segments).toEqual(expect.arrayContaining(earlier.flatMap(segmentsOf)));
    // A day is more than there may be: part of it leaves because of that, the rest by its age.
    const [bySize, byTime] = [
      released.filter(({ reason }) => reason === 'size'),
      released.filter(({ reason }) => reason === 'age'),
    ];
    expect(bySize).not.toEqual([]);
    for (const { bytesBefore } of bySize) expect(bytesBefore).toBeGreaterThan(maxHotBytes);
    if (day > 0) expect(byTime.map(({ name }) => name).join()).toContain(dayBefore(1, date));
  }
  expect(await recordsIn(archive)).toEqual({ records: days * PARTS * AGENTS, times: 1 });
}, 180_000);
