// Brings the records of the host to disk once, and reads them from there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmitter } from 'cfn-metrics';
import { createArchiver, listArchive, readArchive } from 'cfn-metrics/archive';

const emitter = createEmitter({ agent: 42 });
emitter.emit('task_duration_ms', 1234, { unit: 'ms' });

const archive = mkdtempSync(join(tmpdir(), 'archive-example-'));
const archiver = createArchiver({
  archive,
  retentionDays: 30,
  // only when this succeeds, a segment that is old enough is deleted
  beforeDelete: ({ path }) => console.log(`upload ${path}`),
  onEvent: (event) => console.log(event.type),
});
// a companion would `run(signal)`
await archiver.once();
await archiver.close();

for (const { name, storedBytes } of listArchive(archive)) console.log(`${name}: ${storedBytes} bytes`);
for await (const records of readArchive(archive, { since: Date.now() - 60_000 })) {
  for (const { agent, metric, value } of records) console.log(`${agent} ${metric} ${value}`);
}
rmSync(archive, { recursive: true });
await emitter.close();
