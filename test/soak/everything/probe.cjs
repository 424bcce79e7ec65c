// Preloaded into up and its companions: writes every ten seconds how many bytes are in use after a garbage collection, how many
// the process has written to outside of V8's heap, and how many but for V8's room for new objects. What only waits to be
// collected makes a young process look as if it leaked; and that room goes up and down between one MiB and its limit.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

if (process.env.SOAK_PROBE && process.argv[1]?.endsWith('index.cjs')) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  setInterval(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const anonymous = Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    const outside = anonymous - getHeapStatistics().total_physical_size;
    const young = getHeapSpaceStatistics().filter(({ space_name }) => space_name.startsWith('new_'));
    const lasting = young.reduce((rest, { physical_space_size }) => rest - physical_space_size, anonymous);
    writeFileSync(`${process.env.SOAK_PROBE}/${process.pid}`, `${heapUsed + external} ${outside} ${lasting}`);
  }, 10_000).unref();
}
