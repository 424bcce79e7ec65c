// Follows all shards from a saved position, and prints what it sees. Arguments: directory, position file.
import { followRecords } from '../../src/store/tail.js';
import { reportHeap } from './heap.js';

const [directory = '', positionFile = ''] = process.argv.slice(2);
reportHeap();
for await (const { records } of followRecords({ directory, positionFile, from: 'start' })) {
  const seen = records.filter(({ metric }) => metric === 'soak').map(({ agent, value }) => [agent, value]);
  // To a pipe this is done when it returns, so it is done before the batch counts as taken.
  if (seen.length > 0) process.stdout.write(`${JSON.stringify(seen)}\n`);
}
