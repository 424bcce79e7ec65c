import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Catalog } from '../../src/archive/catalog.js';
import { closeRam, openRam } from '../../src/archive/ram.js';
import { syncCopies } from '../../src/archive/sync.js';
import { formatRecord } from '../../src/record.js';
import { Sealer } from '../../src/store/seal.js';
import { temporaryDirectory } from '../support/directory.js';

const line = formatRecord({ time: Date.UTC(2026, 10, 21), agent: 'agent-0', metric: 'm', value: 1 });

it('a segment that left RAM and the archive while a sync had it open was archived a second time', async () => {
  const root = temporaryDirectory();
  const [directory, archive] = [join(root, 'shm'), join(root, 'archive')];
  for (const path of [directory, archive]) mkdirSync(path);
  for (const shard of [0, 1]) writeFileSync(join(directory, `cfn-metrics-20261121-${shard}.jsonl`), line);
  const files = openRam(directory, 'boot', []);
  rmSync(join(directory, 'cfn-metrics-20261121-0.jsonl'));
  const none = new Set<string>();
  await syncCopies(new Catalog(archive), files, { finished: none, busy: none, unreadable: [] });
  closeRam(files);
  expect(readdirSync(archive).filter((name) => name.endsWith('.jsonl'))).toEqual([
    'cfn-metrics-20261121-1.jsonl',
  ]);
});

it('a segment got a lower number than older ones, where theirs were free again, and looked like the oldest', async () => {
  const directory = temporaryDirectory();
  const live = join(directory, 'cfn-metrics-0.jsonl');
  const sealer = new Sealer(directory, { holdMs: 1, finishMs: 10 });
  sealer.acquire();
  const seal = async (): Promise<string | undefined> => {
    writeFileSync(live, line);
    return sealer.seal(0);
  };
  const first = await seal();
  expect(await seal()).toBe('cfn-metrics-20261121-0.1.jsonl');
  rmSync(join(directory, first!));
  // nor does a planted name decide how far numbers go
  writeFileSync(join(directory, 'cfn-metrics-20261121-0.9007199254740993.jsonl'), '');
  expect(await seal()).toBe('cfn-metrics-20261121-0.2.jsonl');
  sealer.release();
});
