import { appendFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { analyze, Window } from '../../src/analyze/index.js';
import { createEmitter, followRecords, formatRecord, readRecords } from '../../src/index.js';
import { temporaryDirectory } from '../support/directory.js';

const LENGTH_MS = 60_000;

it('is filled and kept up by following from a time: no record is missed, none is there twice', () => {
  const directory = temporaryDirectory();
  const emitter = createEmitter({ agent: 1, directory });
  const now = Date.now();
  const old = { agent: 'agent-1', metric: 'load', value: 1 };
  // One that is too old, and one that is still in the window.
  const live = join(directory, 'cfn-metrics-1.jsonl');
  appendFileSync(live, formatRecord({ ...old, time: now - LENGTH_MS - 5000 }));
  appendFileSync(live, formatRecord({ ...old, time: now - LENGTH_MS / 2 }));
  const window = new Window({ lengthMs: LENGTH_MS });
  const tail = followRecords({ directory, from: now - LENGTH_MS });
  const take = (): void => {
    for (const { records } of tail.poll()) for (const record of records) window.add(record);
  };
  emitter.emit('load', 2);
  take();
  take();
  emitter.emit('load', 3);
  emitter.emit('queue', 4, { type: 'counter' });
  // A sealed shard is the same file under another name.
  renameSync(live, join(directory, 'cfn-metrics-20261121-1.jsonl'));
  take();
  tail.close();
  expect(window.counts).toMatchObject({ records: 4, late: 0 });
  const { since, until, ...answer } = window.analyze({ groupBy: ['agent'] });
  const options = { since: Date.parse(since!), until: Date.parse(until!), groupBy: ['agent'] } as const;
  expect(answer).toEqual({
    ...analyze(readRecords({ directory }), options),
    since: undefined,
    until: undefined,
  });
  expect(answer.groups).toMatchObject([
    { metric: 'load', agent: 'agent-1', count: 3, sum: 6, last: 3 },
    { metric: 'queue', sum: 4 },
  ]);
});
