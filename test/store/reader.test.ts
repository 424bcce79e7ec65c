import { execFileSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRecord } from '../../src/record.js';
import { type ReadOptions, readRecords } from '../../src/store/reader.js';
import { temporaryDirectory } from '../support/directory.js';

const NOON = Date.UTC(2026, 10, 21, 12);

function line(time: number, value: number, pad = 0): string {
  const attributes = pad === 0 ? undefined : { pad: 'x'.repeat(pad) };
  return formatRecord({ time, agent: 'agent-1', metric: 'm', value, attributes });
}

function read(directory: string, options: ReadOptions = {}) {
  const reader = readRecords({ directory, ...options });
  const values = [...reader].map(({ value }) => value);
  return { values, counts: reader.counts };
}

describe('reading', () => {
  it('gives the records of all shards and segments, each file once', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), line(NOON, 1));
    writeFileSync(join(directory, 'cfn-metrics-15.jsonl'), line(NOON, 2));
    writeFileSync(join(directory, 'cfn-metrics-20261120-3.jsonl'), line(NOON, 3));
    writeFileSync(join(directory, 'cfn-metrics-20261120-3.1.jsonl'), line(NOON, 4));
    // A sealer was killed between link and rename: one file, two names.
    linkSync(join(directory, 'cfn-metrics-0.jsonl'), join(directory, 'cfn-metrics-20261121-0.jsonl'));
    writeFileSync(join(directory, 'other.jsonl'), line(NOON, 99));
    expect(read(directory).values.sort()).toEqual([1, 2, 3, 4]);
    expect(read(directory).counts).toMatchObject({
      files: 4,
      records: 4,
      torn: 0,
      foreign: 0,
      unreadable: [],
    });
  });

  it('includes the beginning of a range and excludes its end', () => {
    const directory = temporaryDirectory();
    writeFileSync(
      join(directory, 'cfn-metrics-0.jsonl'),
      [0, 1, 2, 3].map((i) => line(NOON + i, i)).join(''),
    );
    expect(read(directory, { since: NOON + 1, until: NOON + 3 }).values).toEqual([1, 2]);
    expect(read(directory, { since: NOON + 4 }).values).toEqual([]);
    expect(read(directory, { until: NOON }).values).toEqual([]);
  });

  it.each([
    [{ since: NaN }, 'since must be Unix milliseconds, got NaN'],
    [{ until: NaN }, 'until must be Unix milliseconds, got NaN'],
    [{ maxLatenessMs: NaN }, 'maxLatenessMs must be milliseconds, got NaN'],
  ])('refuses %o, which is no range', (options, message) => {
    const directory = temporaryDirectory();
    expect(() => readRecords({ directory, ...options })).toThrow(
      expect.objectContaining({ code: 'ERR_METRICS_OPTION', message }),
    );
  });

  it('has no limit where it is told infinity', () => {
    const directory = temporaryDirectory();
    appendFileSync(join(directory, 'cfn-metrics-0.jsonl'), line(NOON, 1));
    const range = { since: -Infinity, until: Infinity, maxLatenessMs: Infinity };
    expect(read(directory, range).values).toEqual([1]);
  });

  it('finds any range in a file of any size, late lines included, and reads little else', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'cfn-metrics-0.jsonl');
    // Half a day, a record a second and each up to 50 s late, with tears and lines of many lengths between.
    const times: number[] = [];
    let text = '';
    for (let i = 0; i < 43_200; i += 1) {
      const time = NOON + i * 1000 - ((i * 7919) % 50) * 1000;
      times.push(time);
      text += (i % 1000 === 999 ? '{"timestamp":"2026-11-21T1' : '') + line(time, i, (i * 31) % 200);
    }
    writeFileSync(path, text);
    fc.assert(
      fc.property(
        fc.integer({ min: -60, max: 43_300 }),
        fc.integer({ min: 0, max: 4000 }),
        (start, length) => {
          const since = NOON + start * 1000;
          const until = since + length * 1000;
          const { values, counts } = read(directory, { since, until });
          const expected = times.flatMap((time, i) => (time >= since && time < until ? [i] : []));
          expect(values).toEqual(expected);
          expect(counts.bytes).toBeLessThan((length + 200) * 350 + 2 * 262_144);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('saves the neighbour of a torn record, though that is older than what is wanted', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'cfn-metrics-0.jsonl');
    const old = line(NOON - 500, 0);
    for (let cut = 1; cut < old.length; cut += 1) {
      writeFileSync(path, line(NOON - 900, 8) + old.slice(0, cut) + line(NOON + 1, 1) + old + line(NOON, 2));
      expect(read(directory, { since: NOON }).values).toEqual([1, 2]);
    }
    // Nor does what is no record hide one.
    writeFileSync(
      path,
      `${old}no record\n${old}\n\n${line(NOON, 1)}${old}${line(NOON - 1, 9)}${line(NOON, 2)}`,
    );
    expect(read(directory, { since: NOON }).values).toEqual([1, 2]);
    expect(read(directory, { since: NOON - 0.5 }).values).toEqual([1, 2]);
    expect(read(directory, { since: NOON + 1 }).values).toEqual([]);
  });

  it('holds back a line that is not finished, and gives it the next time', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'cfn-metrics-0.jsonl');
    writeFileSync(path, line(NOON, 1) + line(NOON, 2).slice(0, 30));
    expect(read(directory)).toMatchObject({ values: [1], counts: { torn: 0 } });
    appendFileSync(path, line(NOON, 2).slice(30));
    expect(read(directory).values).toEqual([1, 2]);
  });

  it('takes an empty directory, and an empty file, for no records', () => {
    const directory = temporaryDirectory();
    expect(read(directory)).toMatchObject({ values: [], counts: { files: 0 } });
    writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), '');
    expect(read(directory, { since: NOON })).toMatchObject({ values: [], counts: { files: 1 } });
  });

  it('names what it cannot read, and reads the rest', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), line(NOON, 1));
    mkdirSync(join(directory, 'cfn-metrics-1.jsonl'));
    symlinkSync('/etc/passwd', join(directory, 'cfn-metrics-2.jsonl'));
    execFileSync('mkfifo', [join(directory, 'cfn-metrics-3.jsonl')]);
    const { values, counts } = read(directory);
    expect(values).toEqual([1]);
    expect(counts.unreadable).toEqual([
      { file: join(directory, 'cfn-metrics-1.jsonl'), reason: 'is not a regular file' },
      { file: join(directory, 'cfn-metrics-2.jsonl'), reason: 'ELOOP' },
      { file: join(directory, 'cfn-metrics-3.jsonl'), reason: 'is not a regular file' },
    ]);
  });

  it('refuses a named directory that is missing or none', () => {
    const directory = temporaryDirectory();
    rmSync(directory, { recursive: true });
    expect(() => read(directory)).toThrow(expect.objectContaining({ code: 'ERR_METRICS_DIRECTORY' }));
    expect(() => read('/dev/null')).toThrow('directory /dev/null is not a directory');
  });
});
