// A process with many light writers. Arguments: directory, file of acknowledgements, first writer, how many, generation.
// The file has four bytes a writer: how many of its records were acknowledged, which is also the number of the next.
import { openSync, writeSync } from 'node:fs';
import { createEmitter, type Emitter } from '../../src/store/emitter.js';

/** Every writer emits about as often as this. */
const EVERY_MS = 500;
const TICK_MS = 20;

const [directory = '', acknowledgements = '', first = '', count = '', generation = ''] =
  process.argv.slice(2);
const fd = openSync(acknowledgements, 'w');
const bytes = Buffer.alloc(4);

interface Writer {
  readonly emitter: Emitter;
  readonly slot: number;
  next: number;
  dueAt: number;
}
const writers: Writer[] = Array.from({ length: Number(count) }, (_, slot) => ({
  emitter: createEmitter({ agent: `soak-${Number(first) + slot}-${generation}`, directory }),
  slot,
  next: 0,
  dueAt: performance.now() + Math.random() * EVERY_MS,
}));
const small = 'x'.repeat(100);
// crosses from one page of memory into the next whenever it is written
const large = 'y'.repeat(5000);

const timer = setInterval(() => {
  const now = performance.now();
  for (const writer of writers) if (writer.dueAt <= now) emit(writer, now);
}, TICK_MS);

function emit(writer: Writer, now: number): void {
  writer.dueAt = now + EVERY_MS * (0.5 + Math.random());
  const attributes = { pad: writer.next % 20 === 0 ? large : small };
  // One that is refused keeps its number, and is emitted again.
  if (!writer.emitter.emit('soak', writer.next, { attributes })) return;
  writer.next += 1;
  bytes.writeUInt32LE(writer.next);
  writeSync(fd, bytes, 0, 4, writer.slot * 4);
}

process.once('SIGTERM', () => {
  clearInterval(timer);
  for (const { emitter } of writers) void emitter.close();
});
