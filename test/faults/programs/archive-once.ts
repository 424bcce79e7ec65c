// Does all that an archiver does, once, without a thread: in each of some directories with `shm` and `archive` in it.
import { join } from 'node:path';
import { createArchiver } from '../../../src/archive/index.js';

for (const root of process.argv.slice(2)) {
  const archiver = createArchiver({
    ...{ directory: join(root, 'shm'), archive: join(root, 'archive'), metrics: false, retentionDays: 9000 },
    ...{ holdMs: 0, finishMs: 0, hotFloorMs: 0, hotRetentionMs: 0 },
  });
  await archiver.once('all').catch(() => undefined);
  await archiver.close();
}
