// An archiver in a hurry, which says what it does and how long a sync took. Argument: its options as JSON.
import { createArchiver, type ArchiverOptions } from '../../../src/archive/index.js';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const options = JSON.parse(process.argv[2] ?? '{}') as ArchiverOptions;
const archiver = createArchiver({
  ...{ intervalMs: 50, tickMs: 20, holdMs: 50, finishMs: 300, hotFloorMs: 8000, hotRetentionMs: 0 },
  ...{ metrics: false, ...options },
  onEvent: (event) => process.stdout.write(`${event.type}${event.type === 'synced' ? ` ${event.ms}` : ''}\n`),
});
await archiver.run(stop.signal);
