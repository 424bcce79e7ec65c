import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { formatRecord } from '../../src/record.js';
import { Sealer } from '../../src/store/seal.js';
import { temporaryDirectory } from '../support/directory.js';
import { WAIT } from '../support/wait.js';

const SEGMENT = 'cfn-metrics-20261121-0.jsonl';

function setup() {
  const directory = temporaryDirectory();
  const live = join(directory, 'cfn-metrics-0.jsonl');
  const line = formatRecord({
    time: Date.UTC(2026, 10, 21),
    agent: 'agent-0',
    metric: 'm',
    value: 1,
  });
  const sealer = new Sealer(directory, { holdMs: 5, finishMs: 60 });
  sealer.acquire();
  return { directory, live, line, sealer };
}

it('a segment that got the name of a deleted one of the same size was finished at once', async () => {
  const { directory, live, line, sealer } = setup();
  writeFileSync(live, line);
  expect(await sealer.seal(0)).toBe(SEGMENT);
  await vi.waitFor(() => expect(sealer.finished()).toEqual([SEGMENT]), WAIT);
  rmSync(join(directory, SEGMENT));
  writeFileSync(live, line);
  expect(await sealer.seal(0)).toBe(SEGMENT);
  expect(sealer.finished()).toEqual([]);
  await vi.waitFor(() => expect(sealer.finished()).toEqual([SEGMENT]), WAIT);
});

it('a file that still has its live name, since its sealer was killed, was finished', async () => {
  const { directory, live, line, sealer } = setup();
  writeFileSync(live, line);
  linkSync(live, join(directory, SEGMENT));
  const seen = new Set<string>();
  const startedAt = performance.now();
  await vi.waitFor(() => {
    for (const name of sealer.finished()) seen.add(name);
    expect(performance.now() - startedAt).toBeGreaterThan(150);
  }, WAIT);
  expect([...seen]).toEqual([]);
  expect(await sealer.seal(0)).toBe(SEGMENT);
  await vi.waitFor(() => expect(sealer.finished()).toEqual([SEGMENT]), WAIT);
});
