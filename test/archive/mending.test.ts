import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import type { ArchivedSegment, ArchiverOptions } from '../../src/archive/index.js';
import { line, names, setup } from './support.js';
import { WAIT } from '../support/wait.js';

/** An archive with three segments of a day without entries, of which the first is cut off. */
function withDamaged(date: string, options: Partial<ArchiverOptions> = {}) {
  const test = setup(options);
  mkdirSync(test.archive);
  const [cut, ...whole] = [0, 1, 2].map((shard) => `cfn-metrics-${date}-${shard}.jsonl`) as [
    string,
    ...string[],
  ];
  writeFileSync(join(test.archive, `${cut}.gz`), gzipSync(line(1)).subarray(0, -9));
  for (const name of whole) writeFileSync(join(test.archive, `${name}.gz`), gzipSync(line(2)));
  const error =
    `archive ${test.archive} has damaged files without a manifest entry: ` +
    `${cut}.gz (unexpected end of file)`;
  return { ...test, cut, whole, error };
}

describe('a damaged file without a manifest entry', () => {
  it('is named, and keeps none of the others from an entry, or of the new ones from the archive', async () => {
    const { archive, whole, cut, error, events, live, open, directory } = withDamaged('20261101', {
      hotRetentionMs: 0,
    });
    live(0, line(3));
    const archiver = open();
    expect(await archiver.once('all')).toBe(false);
    expect(archiver.status.error).toBe(error);
    const errors = events.flatMap((event) => (event.type === 'error' ? [event.error.message] : []));
    expect(errors).toEqual([error]);
    for (const name of [...whole, 'cfn-metrics-20261121-0.jsonl'])
      expect(names(archive)).toContain(`${name}.gz.json`);
    expect(names(directory)).toEqual(['cfn-metrics-0.jsonl']);
    expect(existsSync(join(archive, `${cut}.gz.json`))).toBe(false);
  });

  it.each([
    ['replaced by a good one', (path: string) => writeFileSync(path, gzipSync(line(1)))],
    ['deleted', (path: string) => rmSync(path)],
  ])('is in order again when it is %s', async (_, cure) => {
    const { archive, cut, error, events, open } = withDamaged('20261101', { intervalMs: 50 });
    const stop = new AbortController();
    const archiver = open();
    const running = archiver.run(stop.signal);
    await vi.waitFor(() => expect(archiver.status.error).toBe(error), WAIT);
    cure(join(archive, `${cut}.gz`));
    await vi.waitFor(() => expect(archiver.status.error).toBeNull(), WAIT);
    expect(events.filter(({ type }) => type === 'recovered')).toHaveLength(1);
    expect(existsSync(join(archive, `${cut}.gz.json`))).toBe(existsSync(join(archive, `${cut}.gz`)));
    stop.abort();
    await running;
  });

  it('goes by the day in its name as the others do, after the hook was asked', async () => {
    const asked: ArchivedSegment[] = [];
    const { archive, cut, whole, open } = withDamaged('20261001', {
      beforeDelete: (segment) => void asked.push(segment),
    });
    const archiver = open();
    await archiver.once();
    expect(asked.map(({ name, entry }) => [name, entry?.lines])).toEqual([
      [cut, undefined],
      ...whole.map((name) => [name, 1]),
    ]);
    expect(asked[0]?.entry).toBeNull();
    expect(names(archive)).toEqual([]);
    expect(await archiver.once()).toBe(true);
    expect(archiver.status.error).toBeNull();
  });

  it('does not go for its size', async () => {
    const { archive, cut, open } = withDamaged('20261101', { maxArchiveBytes: 1 });
    await open().once();
    expect(names(archive)).toEqual([`${cut}.gz`]);
  });
});
