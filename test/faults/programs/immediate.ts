// Emits as fast as it can, and acknowledges each record on stdout by its number. Argument: directory.
import { writeSync } from 'node:fs';
import { createEmitter } from '../../../src/store/emitter.js';

const [directory = ''] = process.argv.slice(2);
const emitter = createEmitter({ agent: 2, directory });
for (let number = 0; ; number += 1) {
  if (emitter.emit('counted', number, { attributes: { pad: 'x'.repeat(number % 300) } }))
    writeSync(1, `${number}\n`);
}
