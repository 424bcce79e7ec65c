// Saves a position that says that it is the new one. Arguments: directories, each with a file of its own.
import { join } from 'node:path';
import { bootId, savePosition } from '../../../src/store/position.js';

for (const directory of process.argv.slice(2)) {
  const files = Array.from({ length: 40 }, (_, i) => ({ dev: '2', ino: `${i}`, offset: 2_000_000 }));
  savePosition(join(directory, 'position.json'), { boot: bootId(), files });
}
