// An archiver in a hurry. Argument: its options as JSON.
import { createArchiver, type ArchiverOptions } from '../../../src/archive/index.js';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const options = JSON.parse(process.argv[2] ?? '{}') as ArchiverOptions;
const archiver = createArchiver({
  ...{ intervalMs: 50, tickMs: 20, holdMs: 50, finishMs: 300, hotFloorMs: 8000, hotRetentionMs: 0 },
  ...{ metrics: false, ...options },
  onEvent: ({ type }) => process.stdout.write(`${type}\n`),
});
await archiver.run(stop.signal);
