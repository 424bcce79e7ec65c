import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Appender } from '../../src/store/appender.js';
import { inOnePiece } from '../../src/store/one-piece.js';
import { temporaryDirectory } from '../support/directory.js';

vi.mock('node:fs', async (original) => ({ ...(await original<object>()), statfsSync: vi.fn() }));

const MEBIBYTE = 2 ** 20;
const LINES = ['one\n', 'two two\n', 'three\n'] as const;
const BATCH = LINES.join('');
const OTHER = 'somebody else\n';

function free(bytes: number): void {
  vi.mocked(statfsSync).mockReturnValue({ blocks: 2 ** 20, bavail: bytes / 4096, bsize: 4096 } as never);
}

let path: string;

/** An appender to shard 0, and what it is to write, call by call. */
function setup(): { appender: Appender; write: ReturnType<typeof vi.fn<typeof writeSync>> } {
  const directory = temporaryDirectory();
  path = join(directory, 'cfn-metrics-0.jsonl');
  const write = vi.fn((fd: number, text: string) => writeSync(fd, text));
  return { appender: new Appender({ directory: { path: directory, explicit: true }, write }), write };
}

/** What libuv does where room was freed in between. */
function inTwoPieces(fd: number, text: string): number {
  const middle = text.length >> 1;
  writeSync(fd, text.slice(0, middle));
  appendFileSync(path, OTHER);
  writeSync(fd, text.slice(middle));
  return text.length;
}

beforeEach(() => free(4 * MEBIBYTE));

describe('on a nearly full file system', () => {
  it('a line that somebody else cut in two is not stored, and nothing of what follows it', () => {
    const { appender, write } = setup();
    write.mockImplementationOnce((fd, text) => writeSync(fd, text)).mockImplementationOnce(inTwoPieces);
    expect(appender.append(0, BATCH)).toBe(LINES[0].length);
    expect(appender.refusal).toBe('full');
    expect(readFileSync(path, 'utf8')).toBe(`one\ntwo ${OTHER}two\n`);
    expect(appender.append(0, BATCH.slice(LINES[0].length))).toBe(BATCH.length - LINES[0].length);
    expect(readFileSync(path, 'utf8').split('\n').slice(-3)).toEqual(['two two', 'three', '']);
  });

  it('what others append before and behind a line is none of its business', () => {
    const { appender, write } = setup();
    write.mockImplementation((fd, text) => {
      appendFileSync(path, OTHER);
      const stored = writeSync(fd, text);
      appendFileSync(path, OTHER);
      return stored;
    });
    expect(appender.append(0, BATCH)).toBe(BATCH.length);
    expect(appender.refusal).toBeUndefined();
  });

  it.each(['ENOSPC', 'EIO'])('what came before %s is stored', (code) => {
    const { appender, write } = setup();
    write
      .mockImplementationOnce((fd, text) => writeSync(fd, text))
      .mockImplementationOnce(() => {
        throw Object.assign(new Error(code), { code });
      });
    expect(appender.append(0, BATCH)).toBe(LINES[0].length);
    expect(appender.refusal).toBe('full');
    expect(readFileSync(path, 'utf8')).toBe('one\n');
    write.mockImplementationOnce(() => {
      throw Object.assign(new Error(code), { code });
    });
    expect(appender.append(0, BATCH)).toBe(0);
    expect(appender.refusal).toBe(code === 'EIO' ? 'io' : 'full');
  });

  it('a short write says what is whole', () => {
    const { appender, write } = setup();
    write
      .mockImplementationOnce((fd, text) => writeSync(fd, text))
      .mockImplementationOnce((fd, text) => writeSync(fd, text.slice(0, 3)));
    expect(appender.append(0, BATCH)).toBe(LINES[0].length + 3);
    expect(appender.refusal).toBe('full');
  });
});

it('with plenty of room many lines are one write', () => {
  free(64 * MEBIBYTE);
  const { appender, write } = setup();
  expect(appender.append(0, BATCH)).toBe(BATCH.length);
  expect(write).toHaveBeenCalledOnce();
});

it('of a file that was cut off, or grew too much to be looked at, nothing is known', () => {
  const { appender } = setup();
  appender.append(0, BATCH);
  const fd = openSync(path, 'a');
  try {
    expect(inOnePiece(fd, BATCH.length + 100, Buffer.from('gone\n'))).toBe(true);
    expect(inOnePiece(fd, 0, Buffer.from('never written\n'))).toBe(false);
    writeFileSync(path, 'x'.repeat(2 * MEBIBYTE));
    expect(inOnePiece(fd, 0, Buffer.from('never written\n'))).toBe(true);
  } finally {
    closeSync(fd);
  }
});
