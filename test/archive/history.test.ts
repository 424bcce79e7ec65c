import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { constants, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type HistoryOptions, readArchive, readHistory } from '../../src/archive/index.js';
import { dateOf } from '../../src/archive/names.js';
import { formatRecord } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { DAY_MS, line, names, NOON, setup } from './support.js';

const LIVE = 'cfn-metrics-0.jsonl';
const SEALED = `cfn-metrics-${dateOf(NOON)}-0.jsonl`;

async function read(options: HistoryOptions) {
  const history = readHistory(options);
  const values: number[] = [];
  for await (const batch of history) values.push(...batch.map(({ value }) => value));
  let text = '';
  for await (const lines of readHistory(options).lines()) text += Buffer.from(lines).toString();
  const fromLines = text.split('\n').slice(0, -1);
  expect(fromLines.map((json) => (JSON.parse(json) as { value: number }).value).sort(order)).toEqual(
    [...values].sort(order),
  );
  return { values, counts: history.counts, history, lines: fromLines };
}

function order(a: number, b: number): number {
  return a - b;
}

/** A shard with two records, an archiver, and what a reader of both sees. */
function fixture() {
  const { directory, archive, open, live, append, clock } = setup();
  live(0, line(1) + line(2));
  const archiver = open();
  const values = async (range: Omit<HistoryOptions, 'directory' | 'archive'> = {}) =>
    (await read({ directory, archive, ...range })).values;
  return { directory, archive, archiver, live, append, clock, values };
}

describe('each record comes once', () => {
  it('from a live shard and its plain copy', async () => {
    const { archiver, archive, live, values } = fixture();
    await archiver.sync();
    live(0, line(3));
    expect(names(archive)).toContain(LIVE);
    expect(await values()).toEqual([1, 2, 3]);
  });

  it('from a sealed segment and its plain copy, under its old name and its new one', async () => {
    const { archiver, archive, live, values } = fixture();
    await archiver.sync();
    await archiver.rotate('all');
    live(0, line(3));
    expect(names(archive)).toContain(LIVE);
    expect(await values()).toEqual([1, 2, 3]);
    await archiver.sync();
    expect(names(archive)).toEqual(expect.arrayContaining([LIVE, SEALED]));
    expect(await values()).toEqual([1, 2, 3]);
  });

  it('from a sealed segment and its compressed copy, also when a late writer made one of them longer', async () => {
    const { archiver, archive, append, values } = fixture();
    await archiver.once('all');
    expect(names(archive)).toContain(`${SEALED}.gz`);
    expect(await values()).toEqual([1, 2]);
    append(SEALED, line(3));
    expect(await values()).toEqual([1, 2, 3]);
    await archiver.sync();
    expect(await values()).toEqual([1, 2, 3]);
  });

  it('from a compressed segment of two members that left RAM', async () => {
    const { archiver, directory, archive, append, live, clock, values } = fixture();
    await archiver.once('all');
    append(SEALED, line(3));
    await archiver.sync();
    clock.now += DAY_MS;
    live(0, line(4, clock.now));
    await archiver.maintain();
    expect(names(directory)).toEqual([LIVE]);
    expect(gunzipSync(readFileSync(join(archive, `${SEALED}.gz`))).toString()).toBe(
      line(1) + line(2) + line(3),
    );
    expect(await values()).toEqual([1, 2, 3, 4]);
    expect(await values({ since: NOON + 1 })).toEqual([4]);
    expect(await values({ until: NOON + 1 })).toEqual([1, 2, 3]);
    expect(await values({ until: NOON })).toEqual([]);
  });

  it('from a plain and a compressed copy, while one is made of the other and after a crash then', async () => {
    const { archiver, directory, archive, values } = fixture();
    await archiver.sync();
    await archiver.rotate('all');
    await archiver.sync();
    const kept = temporaryDirectory();
    for (const name of [SEALED, `${SEALED}.source`]) copyFileSync(join(archive, name), join(kept, name));
    await archiver.maintain();
    cpSync(kept, archive, { recursive: true });
    expect(names(archive)).toEqual(expect.arrayContaining([SEALED, `${SEALED}.gz`]));
    expect(await values()).toEqual([1, 2]);
    rmSync(join(directory, SEALED));
    expect(await values()).toEqual([1, 2]);
    // also where nobody knows any more what they were made of
    const entryPath = join(archive, `${SEALED}.gz.json`);
    const entry = JSON.parse(readFileSync(entryPath, 'utf8')) as object;
    writeFileSync(entryPath, JSON.stringify({ ...entry, source: null }));
    rmSync(join(archive, `${SEALED}.source`));
    expect(await values()).toEqual([1, 2]);
  });

  it('after a boot, when the live shard has its old name and a copy of the one before has it too', async () => {
    const { archiver, directory, archive, live, values } = fixture();
    await archiver.sync();
    const source = join(archive, `${LIVE}.source`);
    const before = JSON.parse(readFileSync(source, 'utf8')) as object;
    writeFileSync(source, JSON.stringify({ ...before, boot: 'the-one-before' }));
    // the same device and inode as before the boot
    writeFileSync(join(directory, LIVE), '');
    live(0, line(3) + line(4));
    expect(await values()).toEqual([1, 2, 3, 4]);
    await archiver.close();
  });

  it('where a file was truncated, and its inode is that of another one now', async () => {
    const { archiver, directory, live, values } = fixture();
    await archiver.sync();
    writeFileSync(join(directory, LIVE), '');
    live(0, line(9));
    expect(await values()).toEqual([1, 2, 9]);
  });

  it('where directories and archives are named twice, or are archives', async () => {
    const { archiver, directory, archive } = fixture();
    await archiver.once('all');
    const copy = join(temporaryDirectory(), 'copy');
    cpSync(archive, copy, { recursive: true });
    expect((await read({ directory: [directory, directory], archive: [archive, archive] })).values).toEqual([
      1, 2,
    ]);
    expect((await read({ directory: archive })).values).toEqual([1, 2]);
    expect((await read({ directory: [archive, directory], archive })).values).toEqual([1, 2]);
    expect((await read({ directory: [], archive: [copy, archive] })).values).toEqual([1, 2]);
    const { values, history } = await read({ directory: [directory, copy] });
    expect(values).toEqual([1, 2]);
    // a copy of an archive from before it grew
    const grown = setup();
    grown.live(0, line(1));
    const growing = grown.open();
    await growing.sync();
    const older = join(temporaryDirectory(), 'older');
    cpSync(grown.archive, older, { recursive: true });
    grown.live(0, line(2));
    await growing.sync();
    for (const both of [
      [older, grown.archive],
      [grown.archive, older],
    ])
      expect((await read({ directory: [], archive: both })).values).toEqual([1, 2]);
    expect(history.places).toMatchObject([
      { directory, archive: false, counts: { records: 2 } },
      { directory: copy, archive: true, counts: { records: 0 } },
    ]);
  });
});

describe('a history', () => {
  it('of two hosts has the counts of each', async () => {
    const [a, b] = [setup(), setup()];
    a.live(0, line(1));
    b.live(0, `${line(2)}nonsense\n`);
    const { values, history } = await read({ directory: [a.directory, b.directory] });
    expect(values).toEqual([1, 2]);
    expect(history.places.map(({ counts }) => [counts.records, counts.foreign])).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(history.counts).toMatchObject({ records: 2, foreign: 1, files: 2 });
  });

  it('gives nothing where there is nothing', async () => {
    const { directory, archive, open } = setup();
    await open().once();
    expect(await read({ directory, archive })).toMatchObject({
      values: [],
      counts: { records: 0, files: 0, unreadable: [] },
    });
  });

  it('refuses what is named and missing, or no path', () => {
    const { directory, archive } = setup();
    expect(() => readHistory({ directory, archive })).toThrow(`archive ${archive} does not exist`);
    expect(() => readHistory({ directory: archive })).toThrow(`directory ${archive} does not exist`);
    expect(() => readHistory({ archive: '' })).toThrow('archive must be a path, got ""');
    expect(() => readHistory({ directory: [7 as unknown as string] })).toThrow(
      'directory must be a path, got 7',
    );
  });

  it.each<[HistoryOptions, string]>([
    [{ since: NaN }, 'since must be Unix milliseconds, got NaN'],
    [{ until: NaN }, 'until must be Unix milliseconds, got NaN'],
    [{ maxLatenessMs: NaN }, 'maxLatenessMs must be milliseconds, got NaN'],
  ])('refuses %o, which is no range', (range, message) => {
    const { archive } = fixture();
    const refusal = expect.objectContaining({ code: 'ERR_METRICS_OPTION', message });
    expect(() => readHistory({ archive, ...range })).toThrow(refusal);
    expect(() => readArchive(archive, range)).toThrow(refusal);
  });

  it('takes no directory where everybody may write for an archive', async () => {
    const root = temporaryDirectory();
    const directory = join(root, 'shm');
    mkdirSync(directory);
    writeFileSync(join(directory, LIVE), line(1));
    writeFileSync(join(directory, `${LIVE}.source`), 'null');
    expect(readHistory({ directory }).places).toMatchObject([{ archive: true }]);
    const { chmodSync } = await import('node:fs');
    chmodSync(directory, 0o1777);
    expect(readHistory({ directory }).places).toMatchObject([{ archive: false }]);
  });

  it('does not open what cannot be in the time range', async () => {
    const { directory, archive, open, live, clock } = setup({ hotRetentionMs: 1 });
    for (let day = 0; day < 5; day += 1) {
      live(0, line(day, clock.now));
      const archiver = open();
      await archiver.once('all');
      await archiver.close();
      clock.now += DAY_MS;
    }
    const files = async (since: number, until?: number): Promise<[number[], number]> => {
      const { values, counts } = await read({ directory, archive, since, until });
      return [values, counts.files];
    };
    await open().once();
    expect(names(archive).filter((name) => name.endsWith('.gz'))).toHaveLength(5);
    expect(await files(NOON + 4 * DAY_MS)).toEqual([[4], 2]);
    expect(await files(NOON + DAY_MS, NOON + 3 * DAY_MS)).toEqual([[1, 2], 3]);
    // an entry that nobody can read hides nothing
    for (const name of names(archive).filter((name) => name.endsWith('.gz.json')))
      writeFileSync(join(archive, name), 'nonsense');
    expect(await files(NOON + DAY_MS, NOON + 3 * DAY_MS)).toEqual([[1, 2], 5]);
  });

  it('has the archive before RAM, and a shard in the order in which it was written', async () => {
    const { directory, archive, open, live, clock } = setup({ hotRetentionMs: 1 });
    const archiver = open();
    const written: number[] = [];
    for (let step = 0; step < 12; step += 1) {
      live(0, line(step, clock.now));
      written.push(step);
      if (step % 3 === 2) await archiver.once('all');
      clock.now += DAY_MS / 4;
    }
    expect((await read({ directory, archive })).values).toEqual(written);
    expect((await read({ directory: [], archive })).values).toEqual(written.slice(0, 12));
    const alone: number[] = [];
    for await (const batch of readArchive(archive)) alone.push(...batch.map(({ value }) => value));
    expect(alone).toEqual(written);
  });
});

describe('lines', () => {
  it('are those that were stored, by time over all shards', async () => {
    const { directory, live } = setup();
    const unknown = line(1).replace('}\n', ',"later":{"a":1}}\n');
    const spaced = line(2, NOON + 1).replace(/":/g, '": ');
    live(0, unknown + line(4, NOON + 3));
    live(1, spaced + line(3, NOON + 2) + line(5, NOON + 4));
    const { lines } = await read({ directory });
    expect(lines.map((text) => `${text}\n`)).toEqual([
      unknown,
      spaced,
      line(3, NOON + 2),
      line(4, NOON + 3),
      line(5, NOON + 4),
    ]);
  });

  it('have a late record where it stands in its shard', async () => {
    const { directory, live } = setup();
    live(0, line(2, NOON + 2) + line(1, NOON + 1));
    live(1, line(3, NOON + 3));
    const { lines } = await read({ directory });
    expect(lines.map((text) => (JSON.parse(text) as { value: number }).value)).toEqual([2, 1, 3]);
  });

  it('have neither what a killed writer left nor what is no record', async () => {
    const { directory, live } = setup();
    const torn = line(7).slice(0, 60);
    live(0, `${line(1)}${torn}${line(2)}nonsense\n\n{"a":1}\n${torn}${torn}${line(3)}${line(4)}${torn}`);
    const { lines, counts } = await read({ directory });
    expect(lines.map((text) => `${text}\n`).join('')).toBe(line(1) + line(2) + line(3) + line(4));
    expect(counts).toMatchObject({ records: 4, torn: 3, foreign: 2 });
  });

  it('have no bytes that are no UTF-8', async () => {
    const { directory } = setup();
    const [before = '', after = ''] = formatRecord({
      ...{ time: NOON, agent: 'a', metric: 'm', value: 1 },
      attributes: { key: 'XX' },
    }).split('XX');
    const bad = Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0xfe]), Buffer.from(after)]);
    writeFileSync(join(directory, LIVE), Buffer.concat([Buffer.from(line(1)), bad, Buffer.from(line(2))]));
    const { lines } = await read({ directory });
    expect(lines.map((text) => `${text}\n`)).toEqual([line(1), `${before}\ufffd\ufffd${after}`, line(2)]);
  });

  it('may be longer than what is read at once', async () => {
    const { directory, archive, open, live } = setup();
    const attributes = { text: 'x'.repeat(200_000) };
    const long = line(1).replace('}\n', `,"attributes":${JSON.stringify(attributes)}}\n`);
    live(0, [long, line(2), 'y'.repeat(700_000), '\n', line(3), long].join(''));
    const inRam = await read({ directory });
    expect(inRam.lines.map((text) => text.length + 1)).toEqual([
      long.length,
      line(2).length,
      line(3).length,
      long.length,
    ]);
    await open().once('all');
    const archived = await read({ directory: [], archive });
    expect(archived.lines).toEqual(inRam.lines);
  });

  it('are chosen by a filter', async () => {
    const { directory, live } = setup();
    live(0, [1, 2, 3, 4].map((value) => line(value)).join(''));
    let text = '';
    for await (const bytes of readHistory({ directory }).lines(({ value }) => value % 2 === 0))
      text += Buffer.from(bytes).toString();
    expect(text).toBe(line(2) + line(4));
  });
});

describe('damage', () => {
  /** A compressed segment of many records, alone in the archive. */
  async function compressed(records = 20_000) {
    const { directory, archive, open, live } = setup();
    const texts = Array.from({ length: records }, (_, i) => line(Math.sin(i), NOON + i));
    live(0, texts.join(''));
    await open().once('all');
    rmSync(join(directory, SEALED));
    return { directory, archive, path: join(archive, `${SEALED}.gz`), records };
  }

  async function wholeBefore(archive: string, all: number) {
    const { values, counts, lines } = await read({ directory: [], archive });
    expect(lines).toHaveLength(values.length);
    expect(values).toEqual(Array.from({ length: values.length }, (_, i) => Math.sin(i)));
    expect(values.length).toBeLessThan(all);
    return { count: values.length, unreadable: counts.unreadable };
  }

  it('at the end costs what is behind it', async () => {
    const { archive, path, records } = await compressed();
    const bytes = readFileSync(path);
    for (const [part, reason] of [
      [0.5, 'unexpected end of file'],
      [0.01, 'unexpected end of file'],
      [0, ''],
    ] as const) {
      writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * part)));
      const { count, unreadable } = await wholeBefore(archive, records);
      expect(count).toBeGreaterThan(records * part * 0.8 - 1);
      expect(unreadable).toMatchObject([
        { file: path, records: count, reason: expect.stringContaining(reason) },
      ]);
    }
  });

  it('costs nothing that stands before it, however little that is', async () => {
    const { archive, path } = await compressed(1);
    const texts = Array.from({ length: 300 }, (_, i) => line(Math.sin(i)));
    const header = gzipSync('').subarray(0, 10);
    const whole = deflateRawSync(texts.join(''), { finishFlush: constants.Z_SYNC_FLUSH });
    // a block of the reserved type
    writeFileSync(path, Buffer.concat([header, whole, Buffer.from([0x07, 0, 0, 0])]));
    const { values, counts } = await read({ directory: [], archive });
    expect(values).toEqual(texts.map((_, i) => Math.sin(i)));
    expect(counts.unreadable).toEqual([{ file: path, reason: 'invalid block type', records: 300 }]);
  });

  it('in the middle costs what is behind it', async () => {
    const { archive, path, records } = await compressed();
    const bytes = readFileSync(path);
    const middle = Math.floor(bytes.length / 2);
    // a block of the reserved type cannot be read on from
    bytes.fill(0xff, middle, middle + 64);
    writeFileSync(path, bytes);
    const { values, counts } = await read({ directory: [], archive });
    const right = values.findIndex((value, i) => value !== Math.sin(i));
    expect(right === -1 ? values.length : right).toBeGreaterThan(records * 0.45);
    expect(counts.unreadable).toMatchObject([{ file: path, records: values.length }]);
  });

  it('of one bit is named, wherever it is', async () => {
    const { archive, path } = await compressed(300);
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at += 97) {
      const damaged = Buffer.from(bytes);
      // the flags and the name of the system in the header mean nothing
      if ([4, 5, 6, 7, 8, 9].includes(at)) continue;
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
      writeFileSync(path, damaged);
      const { counts } = await read({ directory: [], archive });
      expect([at, counts.unreadable.map(({ file }) => file)]).toEqual([at, [path]]);
    }
  });

  it('of a manifest entry is named, and costs nothing', async () => {
    const { archive, path, directory } = await compressed(3);
    const entryPath = `${path}.json`;
    const entry = JSON.parse(readFileSync(entryPath, 'utf8')) as { bytes: number; compressedBytes: number };
    const cases = [
      [{ ...entry, bytes: 7 }, /^it holds \d+ bytes, and 7 according to its manifest entry$/],
      [{ ...entry, compressedBytes: 7 }, /^its manifest entry describes another file$/],
    ] as const;
    for (const [wrong, reason] of cases) {
      writeFileSync(entryPath, JSON.stringify(wrong));
      const { values, counts } = await read({ directory: [], archive });
      expect(values).toHaveLength(3);
      expect(counts.unreadable).toMatchObject([
        { file: path, records: 3, reason: expect.stringMatching(reason) },
      ]);
    }
    // it still says what it is a copy of
    const { source } = entry as unknown as { source: object };
    expect(source).toBeTruthy();
    rmSync(entryPath);
    expect((await read({ directory, archive })).counts.unreadable).toEqual([]);
  });

  it('of a copy does not double what is in RAM', async () => {
    const { directory, archive, open, live } = setup();
    live(0, line(1) + line(2));
    await open().once('all');
    const path = join(archive, `${SEALED}.gz`);
    writeFileSync(path, readFileSync(path).subarray(0, -6));
    const { values, counts } = await read({ directory, archive });
    expect(values).toEqual([1, 2]);
    expect(counts.unreadable).toEqual([]);
  });

  it('of other kinds costs one file', async () => {
    const { directory, archive, open, live } = setup();
    live(0, line(1));
    await open().once('all');
    mkdirSync(join(archive, 'cfn-metrics-20250101-3.jsonl'));
    mkdirSync(join(archive, 'cfn-metrics-20250101-4.jsonl.gz'));
    renameSync(join(archive, `${SEALED}.gz.json`), join(archive, 'elsewhere'));
    rmSync(join(directory, SEALED));
    const { values, counts } = await read({ directory, archive });
    expect(values).toEqual([1]);
    expect(counts.unreadable.map(({ reason }) => reason)).toEqual([
      'is not a regular file',
      'is not a regular file',
    ]);
  });

  it('of a torn end is counted in what is finished', async () => {
    const { archive, open, live } = setup();
    live(0, line(1) + line(2).slice(0, 50));
    await open().once('all');
    expect((await read({ directory: [], archive })).counts).toMatchObject({ records: 1, torn: 1 });
  });
});

it('reads what vanishes while it is read', async () => {
  const { directory, archive, open, live } = setup();
  const count = 20_000;
  live(0, Array.from({ length: count }, (_, i) => line(i)).join(''));
  live(1, line(-1));
  const archiver = open();
  await archiver.sync();
  await archiver.rotate('all');
  await archiver.sync();
  rmSync(join(directory, SEALED));
  let seen = 0;
  for await (const batch of readHistory({ directory, archive })) {
    if (seen === 0) {
      await archiver.maintain();
      expect(names(archive)).not.toContain(SEALED);
      rmSync(join(directory, `cfn-metrics-${dateOf(NOON)}-1.jsonl`));
    }
    seen += batch.length;
  }
  expect(seen).toBe(count + 1);
});

it('reads what a growing file had when it was opened', async () => {
  const { directory, live } = setup();
  live(0, Array.from({ length: 5000 }, (_, i) => line(i)).join(''));
  const size = statSync(join(directory, LIVE)).size;
  let seen = 0;
  const history = readHistory({ directory });
  for await (const batch of history) {
    seen += batch.length;
    appendFileSync(join(directory, LIVE), line(-1));
  }
  expect([seen, history.counts.bytes]).toEqual([5000, size]);
});
