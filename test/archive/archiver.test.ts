import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { contents, DAY_MS, line, names, NOON, setup } from './support.js';
import { WAIT } from '../support/wait.js';

describe('a seal that a killed archiver has begun', () => {
  it('is ended, however the two names of the file are listed, and what is appended meanwhile is archived', async () => {
    for (const shard of [0, 3]) {
      const { directory, archive, live, open } = setup();
      live(shard, line(1));
      linkSync(
        join(directory, `cfn-metrics-${shard}.jsonl`),
        join(directory, `cfn-metrics-20261121-${shard}.jsonl`),
      );
      live(shard, line(2));
      await open().once();
      expect(readFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), 'utf8')).toBe('');
      expect(contents(archive)).toEqual({ [`cfn-metrics-20261121-${shard}.jsonl`]: line(1) + line(2) });
    }
  });
});

describe('a sync', () => {
  it('makes the archive the beginning of each shard that ends with the last newline', async () => {
    const { archive, live, open } = setup();
    live(0, line(1) + line(2).slice(0, 30));
    live(5, line(5));
    const archiver = open();
    expect(await archiver.sync()).toBe(true);
    expect(archiver.status.syncedBytes).toBe(line(1).length + line(5).length);
    expect(contents(archive)).toEqual({
      'cfn-metrics-0.jsonl': line(1),
      'cfn-metrics-5.jsonl': line(5),
    });
    live(0, line(2).slice(30) + line(3));
    expect(await archiver.sync()).toBe(true);
    expect(contents(archive)['cfn-metrics-0.jsonl']).toBe(line(1) + line(2) + line(3));
  });

  it('goes on where another archiver ended', async () => {
    const { archive, live, open, events } = setup();
    live(0, line(1));
    const first = open();
    await first.sync();
    await first.close();
    live(0, line(2));
    await open().sync();
    expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1) + line(2) });
    expect(events).toMatchObject([
      { type: 'synced', bytes: line(1).length },
      { type: 'synced', bytes: line(2).length },
    ]);
  });

  it('copies nothing where nothing is new', async () => {
    const { live, open, events } = setup();
    live(0, line(1));
    const archiver = open();
    await archiver.sync();
    await archiver.sync();
    expect(events.at(-1)).toMatchObject({ type: 'synced', bytes: 0 });
  });

  it('gives the copy the name of the segment when its source is sealed', async () => {
    const { archive, live, open } = setup({ finishMs: 3_600_000 });
    live(0, line(1));
    const archiver = open();
    await archiver.sync();
    await archiver.rotate('all');
    live(0, line(2));
    await archiver.sync();
    expect(contents(archive)).toEqual({
      'cfn-metrics-20261121-0.jsonl': line(1),
      'cfn-metrics-0.jsonl': line(2),
    });
    expect(names(archive).filter((name) => name.endsWith('.source'))).toEqual([
      'cfn-metrics-0.jsonl.source',
      'cfn-metrics-20261121-0.jsonl.source',
    ]);
  });

  it('finishes what was in RAM before a boot, and begins anew', async () => {
    const { archive, directory, live, open } = setup();
    live(0, line(1));
    const before = open();
    await before.once();
    await before.close();
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    live(0, line(2));
    await open().once();
    expect(contents(archive)).toEqual({
      'cfn-metrics-20261121-0.jsonl': line(1),
      'cfn-metrics-0.jsonl': line(2),
    });
    expect(existsSync(join(archive, 'cfn-metrics-20261121-0.jsonl.gz'))).toBe(true);
  });

  it('never overwrites a copy of which it knows nothing', async () => {
    const { archive, live, open } = setup();
    mkdirSync(archive);
    writeFileSync(join(archive, 'cfn-metrics-0.jsonl'), line(9));
    writeFileSync(join(archive, 'cfn-metrics-20261121-0.jsonl'), line(8));
    live(0, line(1));
    await open().sync();
    expect(contents(archive)).toEqual({
      'cfn-metrics-0.jsonl': line(1),
      'cfn-metrics-20261121-0.jsonl': line(8),
      'cfn-metrics-20261121-0.1.jsonl': line(9),
    });
  });

  it('keeps the identity that it makes where a crash left another one', async () => {
    const { archive, live, open } = setup();
    mkdirSync(archive);
    writeFileSync(join(archive, 'cfn-metrics-0.jsonl.source'), 'null');
    writeFileSync(join(archive, 'cfn-metrics-5.jsonl.source'), 'null');
    writeFileSync(join(archive, 'cfn-metrics-0.jsonl.source.tmp'), 'nu');
    live(0, line(1));
    const before = open();
    await before.once();
    await before.close();
    expect(names(archive)).toEqual(['cfn-metrics-0.jsonl', 'cfn-metrics-0.jsonl.source']);
    live(0, line(2));
    await open().once();
    expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1) + line(2) });
  });

  it('takes a copy that is longer than its source for one of something else', async () => {
    const { archive, directory, live, open } = setup();
    live(0, line(1) + line(2));
    const archiver = open();
    await archiver.sync();
    truncateSync(join(directory, 'cfn-metrics-0.jsonl'), line(1).length);
    await archiver.sync();
    expect(contents(archive)).toEqual({
      'cfn-metrics-0.jsonl': line(1),
      'cfn-metrics-20261121-0.jsonl': line(1) + line(2),
    });
    await archiver.maintain();
    await archiver.sync();
    live(0, line(3));
    await archiver.sync();
    expect(contents(archive)['cfn-metrics-0.jsonl']).toBe(line(1) + line(3));
  });

  it('tells segments of one name apart', async () => {
    const { archive, directory, live, open } = setup();
    const archiver = open();
    for (const value of [1, 2, 3]) {
      live(0, line(value));
      await archiver.once('all');
      // The segment leaves RAM, and its name is free there again.
      rmSync(join(directory, 'cfn-metrics-20261121-0.jsonl'));
    }
    expect(contents(archive)).toEqual({
      'cfn-metrics-20261121-0.jsonl': line(1),
      'cfn-metrics-20261121-0.1.jsonl': line(2),
      'cfn-metrics-20261121-0.2.jsonl': line(3),
    });
  });

  it('does not let one bad file keep the others', async () => {
    const { archive, directory, live, open, events } = setup();
    live(0, line(1));
    mkdirSync(join(directory, 'cfn-metrics-1.jsonl'));
    live(2, line(2));
    expect(await open().sync()).toBe(false);
    expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1), 'cfn-metrics-2.jsonl': line(2) });
    expect(events).toMatchObject([{ type: 'error' }]);
    expect((events[0] as { error: Error }).error.message).toContain('cfn-metrics-1.jsonl is not archived');
  });
});

describe('a segment', () => {
  it('is compressed to the very end, with an entry that says what is in it', async () => {
    const { archive, live, open } = setup();
    const text = line(1) + line(2, NOON + 5000) + line(3).slice(0, 40);
    live(0, text);
    const archiver = open();
    await archiver.once('all');
    expect(names(archive)).toEqual([
      'cfn-metrics-20261121-0.jsonl.gz',
      'cfn-metrics-20261121-0.jsonl.gz.json',
    ]);
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-0.jsonl': text });
    const entry = JSON.parse(readFileSync(join(archive, 'cfn-metrics-20261121-0.jsonl.gz.json'), 'utf8'));
    expect(entry).toMatchObject({
      bytes: text.length,
      lines: 2,
      torn: 1,
      foreign: 0,
      sha256: createHash('sha256').update(text).digest('hex'),
      first: '2026-11-21T12:00:00.000Z',
      last: '2026-11-21T12:00:05.000Z',
    });
  });

  it('that cannot be compressed holds up no other', async () => {
    const { archive, live, open } = setup();
    for (const shard of [0, 1, 2]) live(shard, line(shard));
    const blocked = join(archive, 'cfn-metrics-20261121-1.jsonl.gz.tmp');
    const archiver = open();
    await archiver.sync();
    mkdirSync(blocked);
    expect(await archiver.once('all')).toBe(false);
    expect(archiver.status.error).toContain(blocked);
    const compressed = (): string[] => names(archive).filter((name) => name.endsWith('.gz'));
    expect(compressed()).toEqual(['cfn-metrics-20261121-0.jsonl.gz', 'cfn-metrics-20261121-2.jsonl.gz']);
    rmSync(blocked, { recursive: true });
    expect(await archiver.once()).toBe(true);
    expect(compressed()).toHaveLength(3);
    expect(contents(archive)['cfn-metrics-20261121-1.jsonl']).toBe(line(1));
  });

  it('that cannot be compressed does not hide that another one vanished', async () => {
    const { archive, clock, live, open } = setup({ finishMs: 3_600_000 });
    for (const shard of [0, 1, 2]) live(shard, line(shard));
    const name = (shard: number) => `cfn-metrics-20261121-${shard}.jsonl`;
    const archiver = open();
    await archiver.once('all');
    mkdirSync(join(archive, `${name(0)}.gz.tmp`));
    rmSync(join(archive, name(1)));
    clock.now += 3_600_000;
    for (let i = 0; i < 3; i += 1) expect(await archiver.once()).toBe(false);
    expect(names(archive)).toEqual(expect.arrayContaining([name(0), `${name(1)}.gz`, `${name(2)}.gz`]));
    expect(contents(archive)).toMatchObject({ [name(0)]: line(0), [name(1)]: line(1), [name(2)]: line(2) });
  });

  it('gets a further member for what a late writer adds', async () => {
    const { archive, append, live, open } = setup();
    live(0, line(1));
    const archiver = open();
    await archiver.once('all');
    append('cfn-metrics-20261121-0.jsonl', line(2));
    await archiver.sync();
    append('cfn-metrics-20261121-0.jsonl', line(3));
    await archiver.sync();
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-0.jsonl': line(1) + line(2) + line(3) });
    const entry = JSON.parse(readFileSync(join(archive, 'cfn-metrics-20261121-0.jsonl.gz.json'), 'utf8'));
    expect(entry).toMatchObject({ lines: 3, bytes: line(1).length * 3 });
  });

  it('is not compressed while it grows', async () => {
    const { archive, append, clock, live, open } = setup({ finishMs: 60_000 });
    live(0, line(1));
    const archiver = open();
    await archiver.once('all');
    expect(names(archive)).toContain('cfn-metrics-20261121-0.jsonl');
    clock.now += 59_000;
    append('cfn-metrics-20261121-0.jsonl', line(2));
    clock.now += 59_000;
    await archiver.once();
    expect(names(archive)).toContain('cfn-metrics-20261121-0.jsonl');
    clock.now += 1000;
    await archiver.once();
    expect(names(archive)).not.toContain('cfn-metrics-20261121-0.jsonl');
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-0.jsonl': line(1) + line(2) });
  });

  it.each([
    ['between entry and segment', (path: string) => unlinkSync(path)],
    ['before the plain copy was deleted', () => undefined],
  ])('is whole after a crash %s', async (_when, damage) => {
    const { archive, live, open } = setup();
    const name = join(archive, 'cfn-metrics-20261121-0.jsonl');
    live(0, line(1));
    const before = open({ finishMs: 3_600_000 });
    await before.once('all');
    await before.close();
    const [plain, source] = [readFileSync(name), readFileSync(`${name}.source`)];
    const after = open();
    await after.once();
    await after.close();
    writeFileSync(name, plain);
    writeFileSync(`${name}.source`, source);
    damage(`${name}.gz`);
    await open().once();
    expect(names(archive)).toEqual([
      'cfn-metrics-20261121-0.jsonl.gz',
      'cfn-metrics-20261121-0.jsonl.gz.json',
    ]);
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-0.jsonl': line(1) });
  });

  it('keeps its old entry where its new bytes were never put in place', async () => {
    const { archive, append, live, open } = setup();
    const path = join(archive, 'cfn-metrics-20261121-0.jsonl.gz');
    live(0, line(1));
    const archiver = open();
    await archiver.once('all');
    const old = readFileSync(path);
    append('cfn-metrics-20261121-0.jsonl', line(2));
    await archiver.sync();
    await archiver.close();
    writeFileSync(path, old);
    await open().sync();
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-0.jsonl': line(1) + line(2) });
  });

  it('gets its entry back where that is lost', async () => {
    const { archive, directory, live, open } = setup();
    live(0, line(1) + line(2));
    const before = open();
    await before.once('all');
    await before.close();
    rmSync(join(directory, 'cfn-metrics-20261121-0.jsonl'));
    const entry = join(archive, 'cfn-metrics-20261121-0.jsonl.gz.json');
    const { source, ...rest } = JSON.parse(readFileSync(entry, 'utf8'));
    expect(source).toMatchObject({ dev: expect.any(String) });
    rmSync(entry);
    await open().once();
    expect(JSON.parse(readFileSync(entry, 'utf8'))).toEqual({ ...rest, source: null });
  });

  it('leaves RAM after a day, not before, and never unarchived', async () => {
    const { archive, clock, directory, live, open } = setup();
    live(0, line(1));
    const archiver = open();
    await archiver.once('all');
    clock.now += DAY_MS - 1000;
    await archiver.once();
    expect(names(directory)).toContain('cfn-metrics-20261121-0.jsonl');
    clock.now += 1000;
    rmSync(archive, { recursive: true });
    expect(await archiver.once()).toBe(false);
    expect(names(directory)).toContain('cfn-metrics-20261121-0.jsonl');
    mkdirSync(archive);
    expect(await archiver.once()).toBe(true);
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-0.jsonl': line(1) });
    expect(names(directory)).toEqual(['cfn-metrics-0.jsonl']);
  });

  it('leaves RAM early where that is full, after a shard was sealed for it', async () => {
    const bytes = line(1).length;
    const { archive, directory, live, open, events } = setup({ maxHotBytes: bytes * 3 });
    live(0, line(1) + line(2));
    live(1, line(3) + line(4) + line(5));
    const archiver = open();
    await archiver.once();
    expect(events).toContainEqual({ type: 'sealed', name: 'cfn-metrics-20261121-1.jsonl' });
    await archiver.once();
    expect(events).toContainEqual({ type: 'released', name: 'cfn-metrics-20261121-1.jsonl', reason: 'size' });
    expect(names(directory)).toEqual(['cfn-metrics-0.jsonl', 'cfn-metrics-1.jsonl']);
    expect(contents(archive)['cfn-metrics-20261121-1.jsonl']).toBe(line(3) + line(4) + line(5));
  });
});

describe('retention', () => {
  async function withOldSegment(options: Parameters<typeof setup>[0] = {}) {
    const test = setup(options);
    test.live(0, line(1));
    const archiver = test.open();
    await archiver.once('all');
    test.clock.now += 31 * DAY_MS;
    return { ...test, archiver };
  }

  it('deletes after 30 days, and says so', async () => {
    const { archive, archiver, clock, events } = await withOldSegment();
    clock.now -= DAY_MS;
    await archiver.once();
    expect(names(archive)).toHaveLength(2);
    clock.now += DAY_MS;
    expect(archiver.plan().archive).toEqual([{ name: 'cfn-metrics-20261121-0.jsonl', reason: 'age' }]);
    await archiver.once();
    expect(names(archive)).toEqual([]);
    expect(events).toContainEqual({ type: 'deleted', name: 'cfn-metrics-20261121-0.jsonl', reason: 'age' });
  });

  it('asks the hook first, and again later where that fails', async () => {
    const beforeDelete = vi.fn().mockRejectedValueOnce(new Error('no network')).mockResolvedValue(undefined);
    vi.useFakeTimers({ toFake: ['performance'] });
    const { archive, archiver, events } = await withOldSegment({ beforeDelete });
    await archiver.once();
    expect(names(archive)).toHaveLength(2);
    const path = join(archive, 'cfn-metrics-20261121-0.jsonl.gz');
    expect(beforeDelete.mock.calls[0]![0]).toMatchObject({ path, reason: 'age', entry: { lines: 1 } });
    expect(events.at(-1)).toMatchObject({ type: 'error', retryMs: 60_000 });
    vi.advanceTimersByTime(59_000);
    await archiver.once();
    expect(beforeDelete).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1000);
    await archiver.once();
    expect(names(archive)).toEqual([]);
    vi.useRealTimers();
  });

  it('deletes nothing that is still in RAM', async () => {
    const { archive, archiver, events } = await withOldSegment({
      maxArchiveBytes: 1,
      hotRetentionMs: 99 * DAY_MS,
    });
    await archiver.once();
    expect(names(archive)).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'deleted')).toEqual([]);
  });
});

describe('an archiver', () => {
  it('is one at a time, and the second learns who it is', () => {
    const { archive, directory, open } = setup();
    open().open();
    const refused = new RegExp(`^archive ${archive} is in use by process ${process.pid} since 20`);
    expect(() => open().open()).toThrow(refused);
    const elsewhere = open({ archive: `${archive}-2` });
    expect(() => elsewhere.open()).toThrow(
      `shard directory ${directory} is in use by process ${process.pid}`,
    );
  });

  it('refuses an archive that is where the shards are', () => {
    const { directory, open } = setup();
    expect(() => open({ archive: directory }).open()).toThrow('is where the shards are');
  });

  it('waits for an archive that vanished, and fills it again when it is back', async () => {
    const { archive, live, open, events } = setup();
    live(0, line(1));
    const archiver = open();
    expect(await archiver.sync()).toBe(true);
    renameSync(archive, `${archive}.away`);
    live(0, line(2));
    expect(await archiver.sync()).toBe(false);
    expect(archiver.status.error).toContain(`archive ${archive} cannot be written: it vanished (ENOENT)`);
    expect(existsSync(archive)).toBe(false);
    mkdirSync(archive);
    expect(await archiver.sync()).toBe(true);
    expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1) + line(2) });
    expect(events.at(-1)).toMatchObject({ type: 'recovered' });
  });

  it('reads the archive anew where somebody else changed it', async () => {
    const { archive, live, open } = setup();
    live(0, line(1));
    const archiver = open();
    await archiver.sync();
    rmSync(join(archive, 'cfn-metrics-0.jsonl'));
    live(0, line(2));
    expect(await archiver.sync()).toBe(false);
    expect(await archiver.sync()).toBe(true);
    expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1) + line(2) });
  });

  it('goes on where somebody deleted a copy that was to be compressed', async () => {
    const { archive, directory, live, open } = setup({ finishMs: 3_600_000 });
    live(0, line(1));
    live(1, line(2));
    const archiver = open();
    await archiver.once('all');
    for (const shard of [0, 1]) rmSync(join(directory, `cfn-metrics-20261121-${shard}.jsonl`));
    rmSync(join(archive, 'cfn-metrics-20261121-0.jsonl'));
    expect(await archiver.maintain()).toBe(false);
    expect(await archiver.once()).toBe(true);
    expect(await archiver.once()).toBe(true);
    expect(contents(archive)).toEqual({ 'cfn-metrics-20261121-1.jsonl': line(2) });
    expect(names(archive)).toContain('cfn-metrics-20261121-1.jsonl.gz');
  });

  it('runs until it is told to end, and syncs once more', async () => {
    const { archive, events, live, open } = setup({ intervalMs: 3_600_000 });
    const stop = new AbortController();
    live(0, line(1));
    const archiver = open();
    const running = archiver.run(stop.signal);
    await vi.waitFor(() => expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1) }), WAIT);
    live(0, line(2));
    archiver.requestSync();
    await vi.waitFor(
      () => expect(contents(archive)).toEqual({ 'cfn-metrics-0.jsonl': line(1) + line(2) }),
      WAIT,
    );
    archiver.requestRotation();
    const sealed = 'cfn-metrics-20261121-0.jsonl';
    await vi.waitFor(() => expect(existsSync(join(archive, `${sealed}.gz`))).toBe(true), WAIT);
    live(0, line(3));
    stop.abort();
    await running;
    expect(contents(archive)).toEqual({ [sealed]: line(1) + line(2), 'cfn-metrics-0.jsonl': line(3) });
    expect(events.filter(({ type }) => type === 'error')).toEqual([]);
    open().open();
  });

  it('seals what was written yesterday', async () => {
    const { archive, clock, live, open } = setup();
    live(0, line(1));
    live(1, line(2, NOON + DAY_MS));
    clock.now += DAY_MS;
    await open().once();
    expect(contents(archive)).toEqual({
      'cfn-metrics-20261121-0.jsonl': line(1),
      'cfn-metrics-1.jsonl': line(2, NOON + DAY_MS),
    });
  });

  it('keeps other files of the archive as they are', async () => {
    const { archive, live, open } = setup();
    mkdirSync(archive);
    writeFileSync(join(archive, 'notes.txt'), 'mine');
    writeFileSync(join(archive, 'other.tmp'), 'mine');
    writeFileSync(join(archive, 'cfn-metrics-20261101-0.jsonl.gz'), gzipSync(line(7)));
    live(0, line(1));
    await open().once('all');
    expect(names(archive)).toEqual(expect.arrayContaining(['notes.txt', 'other.tmp']));
    const kept = readFileSync(join(archive, 'cfn-metrics-20261101-0.jsonl.gz'));
    expect(gunzipSync(kept).toString()).toBe(line(7));
  });
});
