import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createEmitter } from '../../../src/store/emitter.js';
import { padding, SIZES, SPRINT_SIZES } from '../padding.js';
import { Random } from '../random.js';

interface Settings {
  readonly directory: string;
  readonly shards: number;
  /** The agent's number. */
  readonly agent: number;
  /** Tells this process from all others. */
  readonly writer: string;
  /** Receives a line for every record: its number when it is stored, with `!` before it when it was refused. */
  readonly acknowledgements: string;
  readonly seed: number;
  /** Records in a row, and milliseconds between rows. */
  readonly burst: number;
  readonly pauseMs: number;
  /** Ends by itself after so many; without it only by a signal. */
  readonly records?: number;
  /** The longest padding. */
  readonly longest?: number;
  /** Waits for a word on stdin before it begins. */
  readonly gate?: boolean;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const { directory, shards, agent, writer, burst, pauseMs, records = Infinity, longest = Infinity } = settings;
const sizes = SIZES.filter((size) => size <= longest);
const random = new Random(settings.seed);
const emitter = createEmitter({ directory, shards, agent });
const acknowledgements = openSync(settings.acknowledgements, 'a');
let sequence = 0;

function emit(size: number): boolean {
  sequence += 1;
  const stored = emitter.emit('faults.seq', sequence, { attributes: { pad: padding(size), w: writer } });
  writeSync(acknowledgements, stored ? `${sequence}\n` : `!${sequence}\n`);
  return stored;
}

// Large records in a row: whoever asks for them is about to kill this process, and wants to hit a write.
process.on('SIGUSR2', () => {
  for (let left = 200; left > 0; left -= 1) emit(random.pick(SPRINT_SIZES));
});
const end = new AbortController();
process.on('SIGTERM', () => end.abort());
// Nobody outlives whoever started it.
process.stdin.on('end', () => process.exit()).resume();
if (settings.gate === true) await once(process.stdin, 'data');

while (sequence < records && !end.signal.aborted) {
  for (let left = Math.min(burst, records - sequence); left > 0; left -= 1) emit(random.pick(sizes));
  if (pauseMs > 0) await delay(pauseMs * (0.5 + random.next()));
}
// With a record that is stored, so are the drops before it.
while (end.signal.aborted && !emit(sizes[0]!)) await delay(10);
await emitter.close();
writeSync(acknowledgements, `= ${JSON.stringify(emitter.stats())}\n`);
process.exit();
