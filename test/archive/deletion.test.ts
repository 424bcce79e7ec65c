import { cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ArchivedSegment, ArchiverOptions } from '../../src/archive/index.js';
import { line, names, setup } from './support.js';
import { WAIT } from '../support/wait.js';

const OLD = 'cfn-metrics-20260101-0.jsonl';

/** An archive with a segment whose time is over. */
function withExpired(options: Partial<ArchiverOptions>) {
  const test = setup(options);
  mkdirSync(test.archive);
  const path = join(test.archive, `${OLD}.gz`);
  writeFileSync(path, gzipSync(line(1)));
  return { ...test, path };
}

/** A hook that takes until it is ended, or until the test says. */
function slowHook() {
  const asked: ArchivedSegment[] = [];
  let answer = (): void => undefined;
  const beforeDelete = (segment: ArchivedSegment, signal: AbortSignal): Promise<void> => {
    asked.push(segment);
    return new Promise((resolve, reject) => {
      answer = resolve;
      signal.addEventListener('abort', () => reject(new Error('upload ended')));
    });
  };
  return { asked, beforeDelete, answer: () => answer() };
}

describe('a hook before a deletion that takes long', () => {
  it('holds up neither compression nor release from RAM, and is asked once at a time', async () => {
    const { asked, beforeDelete } = slowHook();
    const { archive, directory, live, open, path } = withExpired({ beforeDelete, hotRetentionMs: 0 });
    live(0, line(2));
    const stop = new AbortController();
    const archiver = open();
    const running = archiver.run(stop.signal);
    await vi.waitFor(() => expect(asked).toHaveLength(1), WAIT);
    for (const shard of [0, 1]) {
      live(shard, line(3));
      archiver.requestRotation();
      const name = `cfn-metrics-20261121-${shard}.jsonl`;
      await vi.waitFor(() => expect(names(archive)).toContain(`${name}.gz`), WAIT);
      await vi.waitFor(() => expect(names(directory)).not.toContain(name), WAIT);
    }
    expect(asked).toHaveLength(1);
    stop.abort();
    await running;
    expect(existsSync(path)).toBe(true);
  });

  it('has failed after its time, is said so, and is asked again later', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { asked, beforeDelete, answer } = slowHook();
    const { open, path, events } = withExpired({ beforeDelete, beforeDeleteTimeoutMs: 2000 });
    const archiver = open();
    await archiver.once();
    expect(events.at(-1)).toMatchObject({
      ...{ type: 'error', retryMs: 60_000 },
      error: {
        message: `${OLD} is not deleted, because beforeDelete failed: it took longer than 2 s, and was ended`,
      },
    });
    expect(archiver.status.errors).toBe(1);
    await archiver.once();
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(60_000);
    const again = archiver.once();
    await vi.waitFor(() => expect(asked).toHaveLength(2), WAIT);
    answer();
    expect(await again).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  it('is not believed after it was ended', async () => {
    const beforeDelete = (_: ArchivedSegment, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const { open, path } = withExpired({ beforeDelete, beforeDeleteTimeoutMs: 50 });
    await open().once();
    expect(existsSync(path)).toBe(true);
  });

  it('that takes no notice of its end is not waited for', async () => {
    const beforeDelete = (): Promise<void> => new Promise(() => undefined);
    const { open, path, events } = withExpired({ beforeDelete, beforeDeleteTimeoutMs: 50 });
    await open().once();
    expect(events.at(-1)).toMatchObject({ type: 'error', retryMs: 60_000 });
    expect(existsSync(path)).toBe(true);
  });

  it('has let go what it was asked about, and not what has the name by then', async () => {
    const { asked, beforeDelete, answer } = slowHook();
    const { archive, open, path, events } = withExpired({ beforeDelete });
    const archiver = open();
    const done = archiver.once();
    await vi.waitFor(() => expect(asked).toHaveLength(1), WAIT);
    // Another disk comes in this place.
    const other = `${archive}-other`;
    const elsewhere = setup();
    mkdirSync(other);
    writeFileSync(join(other, `${OLD}.gz`), gzipSync(line(2)));
    await elsewhere.open({ archive: other, retentionDays: 1000 }).once();
    renameSync(archive, `${archive}-away`);
    cpSync(other, archive, { recursive: true });
    answer();
    await done;
    expect(events.filter(({ type }) => type === 'deleted')).toEqual([]);
    expect(existsSync(path)).toBe(true);
  });
});
