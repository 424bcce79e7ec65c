// Emits until SIGTERM, and says each number when it is stored, with the clock of the boot in nanoseconds. Some lines it
// appends as a script would that was stopped between open and write. Arguments: directory, number of the first record.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createEmitter } from '../../../src/index.js';
import { formatRecord } from '../../../src/record.js';

const [directory = '', first = '0'] = process.argv.slice(2);
const emitters = [1, 2, 3].map((agent) => createEmitter({ agent, directory }));
let number = Number(first);

function stored(value: number): void {
  writeSync(1, `${value} ${process.hrtime.bigint()}\n`);
}

const timer = setInterval(() => {
  for (const emitter of emitters) {
    const value = (number += 1);
    if (emitter.emit('archived', value, { attributes: { pad: 'x'.repeat(value % 700) } })) stored(value);
  }
  if (number % 20 < 3) late();
}, 5);

/** A writer that is slow: what it opened may be sealed, finished and compressed when it writes. */
function late(): void {
  const value = (number += 1);
  const fd = openSync(join(directory, 'cfn-metrics-1.jsonl'), constants.O_WRONLY | constants.O_APPEND);
  setTimeout(() => {
    const line = formatRecord({ time: Date.now(), agent: 'agent-1', metric: 'archived', value });
    if (writeSync(fd, line) === line.length) stored(value);
    closeSync(fd);
  }, 2000);
}

process.once('SIGTERM', () => clearInterval(timer));
