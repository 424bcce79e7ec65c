import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Analyzer } from '../../src/analyze/index.js';
import { feedThreaded } from '../../src/archive/history-threaded.js';
import { Place } from '../../src/archive/history-place.js';
import { createReadThreads, type HistoryOptions, readHistory } from '../../src/archive/index.js';
import { RecordList } from '../../src/points.js';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import { nextLine } from '../../src/store/seek.js';
import { liveName } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';
import { NOON, setup } from './support.js';

const MIB = 1_048_576;

function openThreads(threads = 2, minBytes = 0) {
  const opened = createReadThreads({ threads, minBytes });
  onTestFinished(() => opened.close());
  return opened;
}

/** What a reader gives, in its order, and what it counted. */
async function read(options: HistoryOptions) {
  const history = readHistory({ archive: [], ...options });
  const records: string[] = [];
  for await (const batch of history) for (const record of batch) records.push(formatRecord(record));
  return { records, counts: history.counts };
}

/** Lines of many series; some are histograms, some torn, glued, or nothing at all. */
function mixed(from: number, to: number, seed: number): string {
  let state = seed;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  const parts: string[] = [];
  for (let i = from; i < to; i += 1) {
    const time = NOON + i;
    const identity = { time, agent: `agent-${random(50)}`, metric: `m${random(4)}_ms` };
    const line = formatRecord({ ...identity, value: random(100_000) / 10, type: 'gauge', unit: 'ms' });
    const kind = random(200);
    if (kind === 0) parts.push(line.slice(0, 1 + random(line.length - 2)));
    else if (kind === 1) parts.push(`${'#'.repeat(random(300))}\n`);
    else if (kind === 2) parts.push('\n', formatRecord(cumulative(identity, i)));
    else if (kind === 3) parts.push(formatRecord(histogram(identity)));
    else parts.push(line);
  }
  return parts.join('');
}

function cumulative(identity: Pick<MetricRecord, 'time' | 'agent' | 'metric'>, value: number): MetricRecord {
  return { ...identity, value, type: 'counter', temporality: 'cumulative', start: NOON - 1000, writer: 'w' };
}

function histogram(identity: Pick<MetricRecord, 'time' | 'agent' | 'metric'>): MetricRecord {
  const buckets = { bounds: [1, 10], counts: [1, 2, 3], count: 6, sum: 40, min: 1, max: 20 };
  return { ...identity, value: 40 / 6, type: 'histogram', ...buckets };
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('threads that read', () => {
  it('give the same records in the same order as one thread, and count the same', async () => {
    const directory = temporaryDirectory();
    for (const shard of [0, 3, 7])
      writeFileSync(join(directory, liveName(shard)), mixed(0, 20_000, 7 + shard));
    // Its last line is not finished.
    writeFileSync(
      join(directory, liveName(9)),
      mixed(0, 9000, 3) + formatRecord(histogram({ time: NOON, agent: 'a', metric: 'm' })).slice(0, -9),
    );
    const threads = openThreads();
    for (const range of [{}, { since: NOON + 8000 }, { since: NOON + 2000, until: NOON + 12_000 }]) {
      const alone = await read({ directory, ...range });
      const together = await read({ directory, threads, ...range });
      expect(together.records.length).toBeGreaterThan(20_000);
      expect(together.records).toEqual(alone.records);
      if (!('until' in range)) expect(together.counts).toEqual(alone.counts);
      expect(together.counts.unreadable).toEqual([]);
    }
    const answers = await Promise.all(
      [undefined, threads].map(async (some) => {
        const analyzer = new Analyzer({ groupBy: ['agent'], quantiles: [0.999] });
        for await (const _ of readHistory({ directory, archive: [], threads: some }).feed(analyzer)) continue;
        return analyzer.analysis();
      }),
    );
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[0]!.groups.length).toBeGreaterThan(200);
  });

  it('read files of no lines, of one that is longer than all parts, and of none that ends', async () => {
    const directory = temporaryDirectory();
    const one = formatRecord({ time: NOON, agent: 'a', metric: 'm', value: 1 });
    writeFileSync(join(directory, liveName(0)), '');
    writeFileSync(join(directory, liveName(1)), 'x'.repeat(3 * MIB));
    writeFileSync(join(directory, liveName(2)), `${one}${'x'.repeat(3 * MIB)}\n${one}`);
    writeFileSync(join(directory, liveName(3)), `${'x'.repeat(MIB - 1)}\n${one}`);
    const together = await read({ directory, threads: openThreads() });
    expect(together).toEqual(await read({ directory }));
    expect(together.records).toEqual([one, one, one]);
  });

  it('number more series than they remember', async () => {
    const directory = temporaryDirectory();
    const line = (i: number): string =>
      formatRecord({ time: NOON + i, agent: `a${i}`, metric: 'm', value: i });
    // Ten thousand come twice, then ten thousand others: whose lines come again are points of a known series.
    const blocks = Array.from({ length: 12 }, (_, block) =>
      Array.from({ length: 10_000 }, (_, i) => line(block * 10_000 + i))
        .join('')
        .repeat(2),
    );
    writeFileSync(join(directory, liveName(0)), blocks.join(''));
    const together = await read({ directory, threads: openThreads(1) });
    expect(together.counts.records).toBe(240_000);
    expect(together.records).toEqual((await read({ directory })).records);
  });

  it('read what is in RAM beside an archive', async () => {
    const { directory, archive, open, live } = setup();
    live(0, mixed(0, 12_000, 5));
    const archiver = open();
    await archiver.sync();
    live(0, mixed(12_000, 14_000, 6));
    live(1, mixed(0, 100, 8));
    const options = { directory, archive };
    expect(await read({ ...options, threads: openThreads() })).toEqual(await read(options));
  });

  it('leave no file open where somebody stops early, and go on with the next', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, liveName(0)), mixed(0, 40_000, 2));
    const threads = openThreads();
    const all = await read({ directory, threads });
    const before = descriptors();
    for (let i = 0; i < 3; i += 1) {
      const list = new RecordList();
      for await (const _ of readHistory({ directory, archive: [], threads }).feed(list)) break;
      expect(list.take().length).toBeGreaterThan(1000);
    }
    expect(descriptors()).toBe(before);
    expect(await read({ directory, threads })).toEqual(all);
  });

  it('serve several at a time', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, liveName(0)), mixed(0, 30_000, 4));
    const threads = openThreads();
    const all = await Promise.all([1, 2, 3].map(() => read({ directory, threads })));
    expect(all[0]).toEqual(await read({ directory }));
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
  });

  it('fail what they read when they are closed, and take nothing any more', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, liveName(0)), mixed(0, 40_000, 2));
    const threads = openThreads();
    const reading = read({ directory, threads });
    const failed = expect(reading).rejects.toMatchObject({ code: 'ERR_METRICS_STORE' });
    await new Promise(setImmediate);
    await threads.close();
    await failed;
    await expect(read({ directory, threads })).rejects.toMatchObject({ code: 'ERR_METRICS_CLOSED' });
  });

  it('name what cannot be read, and hand over the rest', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, liveName(1));
    writeFileSync(path, mixed(0, 100, 3));
    const place = new Place(directory, false);
    const fd = openSync(path, 'r');
    onTestFinished(() => closeSync(fd));
    const file = (name: string, extent: { fd: number; from: number; to: number }) => ({
      ...{ place, name: { name, date: undefined, shard: 0, sequence: 0 }, begin: 0, extent: () => extent },
      feed: () => {
        throw new Error('not in parts');
      },
    });
    const files = [
      file('broken', { fd: 99_999, from: 0, to: 5 * MIB }),
      file('good', { fd, from: 0, to: 5000 }),
    ];
    const list = new RecordList();
    const range = { since: -Infinity, until: Infinity, latenessMs: 0 };
    for await (const _ of feedThreaded(files, range, openThreads(), list)) continue;
    expect(place.counts.unreadable).toEqual([{ file: join(directory, 'broken'), reason: 'EBADF' }]);
    expect(list.take().length).toBe(place.counts.records);
    expect(place.counts.records).toBeGreaterThan(20);
  });

  it('keep no process alive', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, liveName(0)), mixed(0, 1000, 2));
    const module = join(import.meta.dirname, '../../dist/archive/index.js');
    expect(existsSync(module)).toBe(true);
    const script = `
      const { createReadThreads, readHistory } = await import(${JSON.stringify(pathToFileURL(module).href)});
      const threads = createReadThreads({ threads: 2, minBytes: 0 });
      let count = 0;
      const history = readHistory({ directory: ${JSON.stringify(directory)}, archive: [], threads });
      for await (const batch of history) count += batch.length;
      console.log(count);`;
    const args = ['--input-type=module', '-e', script];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(Number(stdout)).toBeGreaterThan(900);
  });

  it.each([
    [{ threads: 0 }, 'threads must be a whole number from 1 to 64, got 0'],
    [{ threads: 65 }, 'threads must be a whole number from 1 to 64, got 65'],
    [{ minBytes: -1 }, 'minBytes'],
  ])('refuse %o', (options, message) => {
    expect(() => createReadThreads(options)).toThrow(message);
  });
});

describe('nextLine', () => {
  it('is where a line begins, at an offset or behind it', () => {
    const path = join(temporaryDirectory(), 'file');
    const piece = fc.oneof(
      fc.constantFrom('\n', 'a\n', 'bc'),
      fc.integer({ min: 4000, max: 9000 }).map((n) => 'x'.repeat(n)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (pieces, part) => {
          const text = pieces.join('');
          writeFileSync(path, text);
          const offset = 1 + Math.floor(part * text.length);
          const newline = text.indexOf('\n', offset - 1);
          const fd = openSync(path, 'r');
          expect(nextLine(fd, offset, text.length)).toBe(newline < 0 ? text.length : newline + 1);
          closeSync(fd);
        },
      ),
      { numRuns: 200 },
    );
  });
});
