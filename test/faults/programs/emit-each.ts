// Emits for each of some agents. Arguments: directory, metric, how many for each, agents. Prints, as JSON, how many were
// stored and how many were refused.
import { createEmitter } from '../../../src/store/emitter.js';

const [directory = '', metric = '', count = '', ...agents] = process.argv.slice(2);
let stored = 0;
let refused = 0;
for (const agent of agents) {
  const emitter = createEmitter({ agent, directory });
  for (let number = 0; number < Number(count); number += 1) {
    if (emitter.emit(metric, number)) stored += 1;
    else refused += 1;
  }
}
process.stdout.write(JSON.stringify({ stored, refused }));
