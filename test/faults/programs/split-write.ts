import { spawn } from 'node:child_process';
import { copyFileSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createEmitter } from '../../../src/store/emitter.js';
import { liveName } from '../../../src/store/shard.js';
import { padding } from '../padding.js';
import { exited } from '../processes.js';
import { mountSmallDisk } from '../small-disk.js';

interface Settings {
  readonly shards: string;
  readonly archive: string;
  readonly acknowledgements: string;
  /** Bundle of the writer whose writes are stretched. */
  readonly writer: string;
  readonly rounds: number;
}

const PAGE = 4096;
/** More than a page and what is left of another. */
const LONG = 20_000;
const SHORT = 20;
/** Between two system calls of the writer on the shard, in microseconds. */
const BETWEEN_US = 200_000;

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const { shards, archive, acknowledgements, rounds } = settings;
mountSmallDisk(shards);
const filler = openSync(join(shards, 'filler'), 'w');
const live = join(shards, liveName(0));
const emitter = createEmitter({ directory: shards, shards: 1, agent: 'neighbour' });
const said = openSync(join(acknowledgements, 'neighbour'), 'a');
let sequence = 0;

function emit(): void {
  sequence += 1;
  const attributes = { pad: padding(SHORT), w: 'neighbour' };
  writeSync(said, `${emitter.emit('faults.seq', sequence, { attributes }) ? '' : '!'}${sequence}\n`);
}

/** Leaves one page. */
function fill(): void {
  const bytes = Buffer.alloc(PAGE);
  let size = 0;
  try {
    for (;;) size += writeSync(filler, bytes, 0, PAGE, size);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  ftruncateSync(filler, size - PAGE);
}

emit();
const inject = `inject=write:delay_exit=${BETWEEN_US}`;
const program = [process.execPath, settings.writer];
const options = { directory: shards, acknowledgements: join(acknowledgements, 'writer'), writer: 'writer' };
const writer = spawn(
  'strace',
  [
    '-qq',
    '-o',
    '/dev/null',
    '-P',
    live,
    '-e',
    'trace=write',
    '-e',
    inject,
    ...program,
    JSON.stringify(options),
  ],
  { stdio: ['pipe', 'pipe', 'inherit'] },
);
const answers = createInterface({ input: writer.stdout })[Symbol.asyncIterator]();

/** Has the writer emit a record, and does something as soon as a part of it is there. */
async function ask(length: number, meanwhile: () => void): Promise<void> {
  const { size } = statSync(live);
  writer.stdin.write(`${length}\n`);
  const answer = answers.next();
  while (statSync(live).size === size) await delay(1);
  meanwhile();
  if ((await answer).done === true) throw new Error(`the writer ended with ${writer.exitCode}`);
}

for (let round = 0; round < rounds; round += 1) {
  fill();
  await ask(LONG, () => {
    ftruncateSync(filler, 0);
    emit();
  });
  await ask(SHORT, () => undefined);
}
writer.stdin.end();
await exited(writer);
await emitter.close();
writeSync(said, `= ${JSON.stringify(emitter.stats())}\n`);
copyFileSync(live, join(archive, liveName(0)));
process.stdout.write('{}');
