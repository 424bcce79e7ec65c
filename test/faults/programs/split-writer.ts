// Emits a record for each line of stdin, which says how long its padding is, and answers each with a line.
import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createEmitter } from '../../../src/store/emitter.js';
import { padding } from '../padding.js';

interface Settings {
  readonly directory: string;
  readonly acknowledgements: string;
  readonly writer: string;
}

const { directory, acknowledgements, writer } = JSON.parse(process.argv[2] ?? '{}') as Settings;
const emitter = createEmitter({ directory, shards: 1, agent: 'writer' });
const said = openSync(acknowledgements, 'a');
let sequence = 0;
for await (const length of createInterface({ input: process.stdin })) {
  sequence += 1;
  const attributes = { pad: padding(Number(length)), w: writer };
  const answer = `${emitter.emit('faults.seq', sequence, { attributes }) ? '' : '!'}${sequence}\n`;
  writeSync(said, answer);
  writeSync(1, answer);
}
await emitter.close();
writeSync(said, `= ${JSON.stringify(emitter.stats())}\n`);
