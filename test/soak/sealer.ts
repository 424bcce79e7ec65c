// Seals every shard again and again, and says which segments are finished. Arguments: directory, milliseconds between
// two rounds, finish time in milliseconds.
import { setTimeout as delay } from 'node:timers/promises';
import { Sealer } from '../../src/store/seal.js';
import { reportHeap } from './heap.js';

const [directory = '', everyMs = '', finishMs = ''] = process.argv.slice(2);
const sealer = new Sealer(directory, { finishMs: Number(finishMs) });
// The lock of one that was killed a moment ago is free as soon as the kernel has cleaned up after it.
while (!sealer.acquire()) await delay(10);

reportHeap();
const told = new Set<string>();
setInterval(() => {
  const finished = sealer.finished();
  for (const name of told) if (!finished.includes(name)) told.delete(name);
  for (const name of finished) {
    if (told.has(name)) continue;
    told.add(name);
    process.stdout.write(`${JSON.stringify({ finished: name })}\n`);
  }
}, 1000);

for (;;) {
  const names = await Promise.all(sealer.shards().map((shard) => sealer.seal(shard)));
  const sealed = names.filter((name) => name !== undefined).length;
  process.stdout.write(`${JSON.stringify({ sealed })}\n`);
  await delay(Number(everyMs));
}
