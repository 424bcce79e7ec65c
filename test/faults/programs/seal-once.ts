// Seals every shard of each directory, once, and asks what is finished. Arguments: directories.
import { Sealer } from '../../../src/store/seal.js';

for (const directory of process.argv.slice(2)) {
  const sealer = new Sealer(directory, { holdMs: 10, finishMs: 0 });
  if (!sealer.acquire()) throw new Error(`somebody else seals ${directory}`);
  for (const shard of sealer.shards()) await sealer.seal(shard);
  sealer.finished();
  sealer.release();
}
