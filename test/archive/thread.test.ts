import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GzipMember } from '../../src/archive/gzip.js';
import { Thread } from '../../src/archive/thread.js';
import { temporaryDirectory } from '../support/directory.js';
import { line } from './support.js';
import { WAIT } from '../support/wait.js';

function setup() {
  const directory = temporaryDirectory();
  const thread = new Thread();
  onTestFinished(() => thread.end());
  const [from, to] = [join(directory, 'from'), join(directory, 'to')];
  const write = (text: string | Buffer): { from: string; end: number; to: string } => {
    writeFileSync(from, text);
    return { from, end: statSync(from).size, to };
  };
  return { directory, thread, from, to, write };
}

/** Enough lines for several blocks, and for a while. */
function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => line(i * 7919)).join('');
}

/** Nice values of the threads of this process. */
function niceValues(): number[] {
  return readdirSync('/proc/self/task').flatMap((id) => {
    try {
      const stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1');
      return [Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])];
    } catch {
      return [];
    }
  });
}

describe('a gzip member made in blocks', () => {
  it.each([0, 1, 32_767, 32_768, 100_000, 262_144])('holds %d bytes, in blocks of any size', (size) => {
    const text = lines(Math.ceil(size / 60));
    const bytes = Buffer.concat([Buffer.from(text), randomBytes(1000)]).subarray(0, size);
    for (const step of [7777, 40_000, 262_144]) {
      const member = new GzipMember();
      const parts: Buffer[] = [];
      for (let at = 0; at < size; at += step) parts.push(member.push(bytes.subarray(at, at + step)));
      parts.push(member.end());
      expect(gunzipSync(Buffer.concat(parts)).equals(bytes)).toBe(true);
    }
  });

  it('is about as small as what gzip makes', () => {
    const bytes = Buffer.from(lines(20_000));
    const member = new GzipMember();
    let size = 0;
    for (let at = 0; at < bytes.length; at += 262_144)
      size += member.push(bytes.subarray(at, at + 262_144)).length;
    size += member.end().length;
    const { stdout } = spawnSync('gzip', ['-6', '-c'], { input: bytes, maxBuffer: 1e8 });
    expect(size).toBeLessThan(stdout.length * 1.01);
  });
});

describe('the thread that compresses', () => {
  it('compresses a file, sums it up, and reads it back', async () => {
    const { thread, to, write } = setup();
    const text = `${lines(20_000)}${line(1).slice(0, 30)}`;
    const { summary, size, verified } = await thread.pack(write(text));
    expect(gunzipSync(readFileSync(to)).toString()).toBe(text);
    expect(spawnSync('gzip', ['-t'], { input: readFileSync(to) }).status).toBe(0);
    expect(verified).toBe(true);
    expect(size).toBe(statSync(to).size);
    expect(summary).toMatchObject({ bytes: text.length, lines: 20_000, torn: 1, foreign: 0 });
    expect(summary.sha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(await thread.summarise(to, size)).toEqual(summary);
  });

  it('adds to what is compressed already, from an open file', async () => {
    const { directory, thread, from, write } = setup();
    const [old, more] = [lines(5000), lines(300)];
    const path = join(directory, 'old');
    const { size } = await thread.pack({ ...write(old), to: path });
    const begun = { path, compressedBytes: size, bytes: old.length };
    const job = write(old + more);
    const fd = openSync(from, 'r');
    onTestFinished(() => closeSync(fd));
    const { summary, verified } = await thread.pack({ ...job, from: fd, begun });
    const bytes = readFileSync(job.to);
    expect(gunzipSync(bytes).toString()).toBe(old + more);
    expect(bytes.subarray(0, size).equals(readFileSync(path))).toBe(true);
    expect({ lines: summary.lines, verified }).toEqual({ lines: 5300, verified: true });
  });

  it('says where what was begun holds something else', async () => {
    const { directory, thread, write } = setup();
    const path = join(directory, 'old');
    const { size } = await thread.pack({ ...write(lines(10)), to: path });
    const begun = { path, compressedBytes: size, bytes: lines(10).length };
    const { verified } = await thread.pack({ ...write(lines(20).replaceAll('7919', '7918')), begun });
    expect(verified).toBe(false);
  });

  // Where the tests themselves are run by nice(1), nothing is less important.
  it.skipIf(getPriority() >= 10)(
    'is a thread of its own, less important than everything else, and gone after a while',
    async () => {
      const { thread, write } = setup();
      const before = niceValues();
      const packing = thread.pack(write(lines(100_000)));
      await vi.waitFor(() => expect(niceValues()).toContain(10), WAIT);
      expect(niceValues().filter((nice) => nice === getPriority()).length).toBeGreaterThanOrEqual(
        before.length,
      );
      await packing;
      await vi.waitFor(() => expect(niceValues()).not.toContain(10), WAIT);
    },
  );

  it('goes on after an error, which says what the system said', async () => {
    const { directory, thread, to, write } = setup();
    const job = write(lines(10));
    await expect(thread.pack({ ...job, from: join(directory, 'missing') })).rejects.toMatchObject({
      ...{ code: 'ENOENT', syscall: 'open', path: join(directory, 'missing') },
    });
    mkdirSync(join(directory, 'folder'));
    await expect(thread.pack({ ...job, from: join(directory, 'folder') })).rejects.toMatchObject({
      code: 'EISDIR',
    });
    writeFileSync(to, 'what an earlier run left');
    expect(await thread.pack(job)).toMatchObject({ verified: true });
  });

  it('ends in the middle of its work, and leaves nothing open', async () => {
    const { thread, to, write } = setup();
    const job = write(lines(100_000));
    await thread.pack({ ...job, end: 1000 });
    const open = readdirSync('/proc/self/fd').length;
    const stop = new AbortController();
    const size = statSync(to).size;
    const packing = thread.pack(job, stop.signal);
    await vi.waitFor(() => expect(existsSync(to) && statSync(to).size > size).toBe(true), {
      ...WAIT,
      interval: 1,
    });
    stop.abort();
    await expect(packing).rejects.toThrow('aborted');
    if (getPriority() < 10) expect(niceValues()).not.toContain(10);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(open);
    expect(await thread.pack(job)).toMatchObject({ verified: true });
    expect(gunzipSync(readFileSync(to)).length).toBe(job.end);
  });
});
