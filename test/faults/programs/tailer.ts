import { openSync, writeSync } from 'node:fs';
import { followRecords, type TailBatch } from '../../../src/store/tail.js';

interface Settings {
  readonly directory: string;
  readonly positionFile: string;
  /** Receives a line for every record: who wrote it, and its number. */
  readonly output: string;
  /** Nothing is written any more: end when everything was read. */
  readonly drain: boolean;
}

const { directory, positionFile, output, drain } = JSON.parse(process.argv[2] ?? '{}') as Settings;
const tail = followRecords({ directory, positionFile, from: 'start', pollMs: 20 });
const fd = openSync(output, 'a');

function handle({ records }: TailBatch): void {
  let text = '';
  for (const { metric, attributes, value } of records) {
    if (metric === 'faults.seq') text += `${String(attributes?.['w'])} ${value}\n`;
  }
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
  process.stdout.write('batch\n');
}

process.stdin.on('end', () => process.exit()).resume();
// While there is something to read, no timer gets its turn.
setInterval(() => process.stdout.write('idle\n'), 10);
if (drain) {
  for (const batch of tail.poll()) handle(batch);
} else {
  for await (const batch of tail) handle(batch);
}
process.exit();
