import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { formatRecord } from '../../src/record.js';
import type { Position } from '../../src/store/position.js';
import { followRecords, type Tail } from '../../src/store/tail.js';
import type { TailOptions } from '../../src/store/tail-options.js';
import { temporaryDirectory } from '../support/directory.js';

function line(value: number, time = 0): string {
  return formatRecord({ time, agent: 'agent-1', metric: 'm', value });
}

function setup() {
  const directory = temporaryDirectory();
  const path = join(directory, 'cfn-metrics-0.jsonl');
  return { directory, path };
}

function follow(directory: string, options: TailOptions = {}): Tail {
  const tail = followRecords({ directory, ...options });
  tail.begin();
  return tail;
}

function values(tail: Tail): number[] {
  return [...tail.poll()].flatMap(({ records }) => records.map(({ value }) => value));
}

/** Makes a file one that this user may not read, root or not; the result takes that back. */
function forbid(path: string): () => void {
  const { uid, gid, mode } = statSync(path);
  if (process.geteuid?.() !== 0) {
    chmodSync(path, 0);
    return () => chmodSync(path, mode);
  }
  chownSync(path, 4242, gid);
  const user = vi.spyOn(process, 'geteuid').mockReturnValue(4243);
  return () => {
    user.mockRestore();
    chownSync(path, uid, gid);
  };
}

function seal(path: string, sealed: string): void {
  linkSync(path, sealed);
  writeFileSync(`${path}.new`, '');
  renameSync(`${path}.new`, path);
}

describe('following', () => {
  it('begins at the end, with whole lines, unless told otherwise', () => {
    const { directory, path } = setup();
    writeFileSync(path, line(1) + line(2).slice(0, 20));
    const tail = follow(directory);
    expect(values(tail)).toEqual([]);
    appendFileSync(path, line(2).slice(20) + line(3));
    expect(values(tail)).toEqual([2, 3]);
    expect(values(follow(directory, { from: 'start' }))).toEqual([1, 2, 3]);
    expect(tail.counts).toMatchObject({ records: 2, torn: 0, foreign: 0 });
  });

  it('begins at a time, and from then on takes every record whatever its time', () => {
    const { directory, path } = setup();
    writeFileSync(path, line(1, 1000) + line(2, 2000) + line(3, 3000));
    const tail = follow(directory, { from: 2000 });
    expect(values(tail)).toEqual([2, 3]);
    // The clock was set back.
    appendFileSync(path, line(4, 500));
    expect(values(tail)).toEqual([4]);
  });

  it('takes files that come later from their beginning', () => {
    const { directory } = setup();
    const tail = follow(directory);
    writeFileSync(join(directory, 'cfn-metrics-9.jsonl'), line(1));
    expect(values(tail)).toEqual([1]);
  });

  it('follows a file through its seal, and late lines in it', () => {
    const { directory, path } = setup();
    const sealed = join(directory, 'cfn-metrics-20261121-0.jsonl');
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    expect(values(tail)).toEqual([1]);
    appendFileSync(path, line(2));
    seal(path, sealed);
    appendFileSync(path, line(3));
    appendFileSync(sealed, line(4));
    expect(values(tail).sort()).toEqual([2, 3, 4]);
    appendFileSync(sealed, line(5));
    expect(values(tail)).toEqual([5]);
    rmSync(sealed);
    expect(values(tail)).toEqual([]);
  });

  it('survives that the directory vanishes and comes back', () => {
    const { directory, path } = setup();
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    expect(values(tail)).toEqual([1]);
    rmSync(directory, { recursive: true });
    expect(values(tail)).toEqual([]);
    mkdirSync(directory);
    writeFileSync(path, line(2));
    expect(values(tail)).toEqual([2]);
  });

  it('reads what was appended to a file right before it was deleted', () => {
    const { directory, path } = setup();
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    values(tail);
    appendFileSync(path, line(2));
    rmSync(path);
    expect(values(tail)).toEqual([2]);
  });

  it('begins anew in a file that was cut off', () => {
    const { directory, path } = setup();
    writeFileSync(path, line(1) + line(2));
    const tail = follow(directory, { from: 'start' });
    expect(values(tail)).toEqual([1, 2]);
    truncateSync(path, 0);
    appendFileSync(path, line(3));
    expect(values(tail)).toEqual([3]);
  });

  it('counts as unreadable what cannot be opened now, and not what could not be once', () => {
    const { directory, path } = setup();
    const planted = join(directory, 'cfn-metrics-9.jsonl');
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    symlinkSync(path, planted);
    for (let looks = 0; looks < 2; looks += 1) tail.look();
    expect(tail.counts.unreadable).toEqual([{ file: planted, reason: 'ELOOP' }]);
    rmSync(planted);
    expect(values(tail)).toEqual([1]);
    expect(tail.counts.unreadable).toEqual([]);
  });

  it('ends at the signal, without an error', async () => {
    const { directory, path } = setup();
    const controller = new AbortController();
    writeFileSync(path, line(1));
    const seen: number[] = [];
    for await (const { records } of followRecords({
      directory,
      from: 'start',
      signal: controller.signal,
      pollMs: 10,
    })) {
      for (const { value } of records) seen.push(value);
      if (seen.length === 1) appendFileSync(path, line(2));
      else controller.abort();
    }
    expect(seen).toEqual([1, 2]);
  });

  it('refuses a named directory that is missing', async () => {
    const { directory } = setup();
    rmSync(directory, { recursive: true });
    const next = followRecords({ directory })[Symbol.asyncIterator]().next();
    await expect(next).rejects.toMatchObject({ code: 'ERR_METRICS_DIRECTORY' });
  });

  it.each<[string, TailOptions]>([
    ["from must be 'start', 'end', Unix milliseconds or a position, got NaN", { from: NaN }],
    ['pollMs must be a whole number from 10 to 60000, got 1', { pollMs: 1 }],
  ])('refuses: %s', (message, options) => {
    expect(() => followRecords(options)).toThrow(message);
  });
});

describe('a saved position', () => {
  async function run(directory: string, positionFile: string, take: number): Promise<number[]> {
    const controller = new AbortController();
    const seen: number[] = [];
    const signal = controller.signal;
    for await (const { records } of followRecords({
      directory,
      from: 'start',
      positionFile,
      signal,
      pollMs: 10,
    })) {
      for (const { value } of records) seen.push(value);
      if (seen.length >= take) controller.abort();
    }
    return seen;
  }

  it('lets a restart go on where it ended, across a seal', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1) + line(2));
    expect(await run(directory, positionFile, 2)).toEqual([1, 2]);
    appendFileSync(path, line(3));
    seal(path, join(directory, 'cfn-metrics-20261121-0.jsonl'));
    appendFileSync(path, line(4));
    expect(await run(directory, positionFile, 2)).toEqual([3, 4]);
  });

  it('repeats the batch during which the consumer failed', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1));
    const tail = followRecords({ directory, from: 'start', positionFile });
    await expect(
      (async () => {
        for await (const batch of tail) throw new Error(`failed at ${batch.end}`);
      })(),
    ).rejects.toThrow('failed at');
    expect(await run(directory, positionFile, 1)).toEqual([1]);
  });

  it('counts for nothing after a reboot, or when it is damaged: everything is read', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1));
    await run(directory, positionFile, 1);
    writeFileSync(
      positionFile,
      readFileSync(positionFile, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"other"'),
    );
    expect(await run(directory, positionFile, 1)).toEqual([1]);
    writeFileSync(positionFile, '{"boot":');
    expect(await run(directory, positionFile, 1)).toEqual([1]);
  });

  it('is not trusted for a file that is shorter than what was read of it', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1) + line(2));
    await run(directory, positionFile, 2);
    truncateSync(path, 0);
    appendFileSync(path, line(3));
    expect(await run(directory, positionFile, 1)).toEqual([3]);
  });

  it('is not trusted for another file with the inode of the first, however long it is', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1) + line(2));
    await run(directory, positionFile, 2);
    // As most file systems do it with the number of a deleted file.
    writeFileSync(path, line(3) + line(4) + line(5));
    expect(await run(directory, positionFile, 3)).toEqual([3, 4, 5]);
  });

  it('of an earlier version has no head, and is trusted', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1) + line(2));
    await run(directory, positionFile, 2);
    const saved = JSON.parse(readFileSync(positionFile, 'utf8')) as { files: object[] };
    const files = saved.files.map((file) => ({ ...file, head: undefined }));
    writeFileSync(positionFile, JSON.stringify({ ...saved, files }));
    appendFileSync(path, line(3));
    expect(await run(directory, positionFile, 1)).toEqual([3]);
  });

  it('counts as unreadable while it cannot be saved', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1));
    // stands where it is written first
    mkdirSync(`${positionFile}.tmp`);
    const tail = followRecords({ directory, positionFile, from: 'start' });
    const batches = tail[Symbol.asyncIterator]();
    await batches.next();
    expect(tail.counts.unreadable).toEqual([{ file: positionFile, reason: 'EISDIR' }]);
    rmSync(`${positionFile}.tmp`, { recursive: true });
    await batches.return(undefined);
    expect(tail.counts.unreadable).toEqual([]);
  });

  it('is there before the first batch: who is killed before it misses nothing', async () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1));
    const killed = followRecords({ directory, positionFile })[Symbol.asyncIterator]();
    const first = killed.next();
    // Until it looks again it has come as far as one that finds nothing; nothing of it is used any more.
    appendFileSync(path, line(2));
    expect(await run(directory, positionFile, 1)).toEqual([2]);
    await first;
    await killed.return(undefined);
  });
});

describe('a position that the consumer keeps', () => {
  it('makes every record be handled exactly once, wherever the consumer is killed', async () => {
    const { directory, path } = setup();
    const sealed = join(directory, 'cfn-metrics-20261121-0.jsonl');
    const other = join(directory, 'cfn-metrics-1.jsonl');
    const handled: number[] = [];
    let kept: Position | undefined;
    /** Handles so many batches, keeps where it is with what it handled, and then is gone. */
    const consume = (batches: number): void => {
      const tail = followRecords({ directory, from: kept ?? 'start' });
      let left = batches;
      for (const batch of tail.poll()) {
        // killed after it was handed out, and before it was handled
        if (left === 0) break;
        left -= 1;
        handled.push(...batch.records.map(({ value }) => value));
        kept = JSON.parse(JSON.stringify(tail.position(batch))) as Position;
      }
      tail.close();
    };
    writeFileSync(path, line(1) + line(2));
    writeFileSync(other, line(3));
    consume(1);
    appendFileSync(path, line(4));
    seal(path, sealed);
    appendFileSync(path, line(5));
    consume(2);
    appendFileSync(sealed, line(6));
    consume(1);
    consume(9);
    consume(9);
    expect(handled.sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('says nothing after a reboot, and gives way to a saved one', () => {
    const { directory, path } = setup();
    const positionFile = join(directory, 'position.json');
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    const [batch] = tail.poll();
    const from = tail.position(batch);
    expect(values(follow(directory, { from }))).toEqual([]);
    expect(values(follow(directory, { from: { ...from, boot: 'other' } }))).toEqual([1]);
    writeFileSync(positionFile, JSON.stringify({ ...from, files: [] }));
    expect(values(follow(directory, { from, positionFile }))).toEqual([1]);
  });
});

describe('after a while', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells a file that was closed from another one that got its name and its inode', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { directory, path } = setup();
    writeFileSync(path, line(1) + line(2));
    const tail = follow(directory, { from: 'start' });
    expect(values(tail)).toEqual([1, 2]);
    vi.advanceTimersByTime(61_000);
    // closed now
    expect(values(tail)).toEqual([]);
    writeFileSync(path, line(3) + line(4) + line(5));
    expect(values(tail)).toEqual([3, 4, 5]);
    appendFileSync(path, line(6));
    expect(values(tail)).toEqual([6]);
  });

  it('repeats nothing when the directory could not be listed for long', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { directory, path } = setup();
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    expect(values(tail)).toEqual([1]);
    renameSync(directory, `${directory}.away`);
    // neither a directory nor nothing
    writeFileSync(directory, '');
    for (let looks = 0; looks < 3; looks += 1) {
      vi.advanceTimersByTime(11_000);
      expect(values(tail)).toEqual([]);
    }
    expect(tail.counts.unreadable).toEqual([{ file: directory, reason: 'ENOTDIR' }]);
    rmSync(directory);
    renameSync(`${directory}.away`, directory);
    appendFileSync(path, line(2));
    expect(values(tail)).toEqual([2]);
    expect(tail.counts.unreadable).toEqual([]);
  });

  it('counts a file that it may read no more as unreadable, until it may again or the file is gone', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { directory, path } = setup();
    writeFileSync(path, line(1));
    const tail = follow(directory, { from: 'start' });
    expect(values(tail)).toEqual([1]);
    vi.advanceTimersByTime(61_000);
    // closed now
    expect(values(tail)).toEqual([]);
    const refused = [{ file: path, reason: expect.any(String) as string }];
    const allow = forbid(path);
    appendFileSync(path, line(2));
    for (let looks = 0; looks < 2; looks += 1) expect(values(tail)).toEqual([]);
    expect(tail.counts.unreadable).toEqual(refused);
    allow();
    expect(values(tail)).toEqual([2]);
    expect(tail.counts.unreadable).toEqual([]);
    vi.advanceTimersByTime(61_000);
    expect(values(tail)).toEqual([]);
    forbid(path);
    appendFileSync(path, line(3));
    expect(values(tail)).toEqual([]);
    expect(tail.counts.unreadable).toEqual(refused);
    rmSync(path);
    expect(values(tail)).toEqual([]);
    expect(tail.counts.unreadable).toEqual([]);
  });
});
