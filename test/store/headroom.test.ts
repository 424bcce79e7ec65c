import { statfsSync } from 'node:fs';
import { beforeEach, expect, it, vi } from 'vitest';
import { Headroom } from '../../src/store/headroom.js';

vi.mock('node:fs', () => ({ statfsSync: vi.fn() }));

const MEBIBYTE = 2 ** 20;

function disk({ size, free }: { size: number; free: number }): void {
  vi.mocked(statfsSync).mockReturnValue({
    blocks: size / 4096,
    bavail: Math.floor(free / 4096),
    bsize: 4096,
  } as never);
}

beforeEach(() => vi.mocked(statfsSync).mockReset());

it('leaves the last MiB of a large file system alone', () => {
  disk({ size: 64 * MEBIBYTE, free: MEBIBYTE + 8192 });
  expect(new Headroom('/x').allows(8192, 0)).toBe(true);
  expect(new Headroom('/x').allows(8193, 0)).toBe(false);
});

it('leaves the last 5 % of a small one alone', () => {
  disk({ size: MEBIBYTE, free: MEBIBYTE * 0.05 + 8192 });
  expect(new Headroom('/x').allows(4096, 0)).toBe(true);
  expect(new Headroom('/x').allows(16_384, 0)).toBe(false);
});

it('looks once a second while there is plenty', () => {
  disk({ size: 2 ** 34, free: 2 ** 34 });
  const headroom = new Headroom('/x');
  for (let now = 0; now < 1000; now += 1) headroom.allows(200, now);
  expect(statfsSync).toHaveBeenCalledTimes(1);
  headroom.allows(200, 1000);
  expect(statfsSync).toHaveBeenCalledTimes(2);
});

it('looks again sooner the less is free, and at once after it refused', () => {
  disk({ size: 64 * MEBIBYTE, free: MEBIBYTE + 65_536 });
  const headroom = new Headroom('/x');
  for (let i = 0; i < 10; i += 1) headroom.allows(512, 0);
  expect(vi.mocked(statfsSync).mock.calls.length).toBeGreaterThan(4);
  disk({ size: 64 * MEBIBYTE, free: 0 });
  headroom.expire();
  expect(headroom.allows(1, 0)).toBe(false);
  disk({ size: 64 * MEBIBYTE, free: 32 * MEBIBYTE });
  expect(headroom.allows(1, 0)).toBe(true);
});

it('does not refuse where the file system does not tell its size', () => {
  disk({ size: 0, free: 0 });
  expect(new Headroom('/x').allows(1e9, 0)).toBe(true);
});
