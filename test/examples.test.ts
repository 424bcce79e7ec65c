import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from './support/directory.js';
import { storedRecords } from './support/files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'build/examples');
const sources = readdirSync(join(root, 'examples'));

beforeAll(() => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const compiled = spawnSync(process.execPath, [tsc, '-p', join(root, 'examples/tsconfig.json')], {
    encoding: 'utf8',
  });
  expect([compiled.status, compiled.stdout]).toEqual([0, '']);
}, 120_000);

function run(command: string, args: string[]): { output: string; directory: string } {
  const directory = temporaryDirectory();
  const child = spawnSync(command, args, {
    env: { PATH: process.env['PATH'], HOME: directory, CFN_METRICS_DIR: directory },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15_000,
  });
  expect([child.status, child.signal, child.stderr]).toEqual([0, null, '']);
  return { output: child.stdout, directory };
}

it.each(sources.filter((name) => name.endsWith('.ts')))(
  'examples/%s runs, and stores what it measures',
  (name) => {
    const script = join(built, `${basename(name, '.ts')}.js`);
    expect(existsSync(script)).toBe(true);
    expect(storedRecords(run(process.execPath, [script]).directory).length).toBeGreaterThan(0);
  },
);

it.each(sources.filter((name) => name.endsWith('.sh')))(
  'examples/%s runs, and stores what it measures',
  (name) => {
    expect(storedRecords(run('bash', [join(root, 'examples', name)]).directory).length).toBeGreaterThan(0);
  },
);

it('the statistics of examples/ask.ts are right', () => {
  const { output } = run(process.execPath, [join(built, 'ask.js')]);
  expect(output).toContain('task_duration_ms of agent-1: 100 values, avg 50.5, p50 50.5, p99 99.01');
  expect(output).toContain('task_duration_ms of agent-2: 100 values, avg 101, p50 101, p99 198.02');
});
