import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { formatRecord } from '../../src/record.js';
import { Sealer } from '../../src/store/seal.js';
import { Tail } from '../../src/store/tail.js';
import { temporaryDirectory } from '../support/directory.js';

// In /dev/shm anybody can make a file under the name of a segment.

const line = (value: number): string =>
  formatRecord({ time: Date.UTC(2026, 10, 21), agent: 'agent-0', metric: 'm', value });

it('what is planted under the name of a segment neither stops the sealer nor counts as finished', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), line(1));
  symlinkSync('nowhere', join(directory, 'cfn-metrics-20261120-1.jsonl'));
  mkdirSync(join(directory, 'cfn-metrics-20261120-2.jsonl'));
  execFileSync('mkfifo', [join(directory, 'cfn-metrics-20261120-3.jsonl')]);
  const sealer = new Sealer(directory, { holdMs: 1, finishMs: 10 });
  sealer.acquire();
  const sealed = await sealer.seal(0);
  sealer.finished();
  await delay(20);
  expect(sealer.finished()).toEqual([sealed]);
  sealer.release();
});

it('a planted link to a segment does not become its name', () => {
  const directory = temporaryDirectory();
  const name = 'cfn-metrics-20261121-0.jsonl';
  writeFileSync(join(directory, name), line(1));
  symlinkSync(name, join(directory, 'cfn-metrics-99991231-0.jsonl'));
  const tail = new Tail({ directory });
  tail.begin();
  appendFileSync(join(directory, name), line(2));
  expect([...tail.poll()].map((batch) => [batch.name, batch.records.length])).toEqual([[name, 1]]);
  tail.close();
});
