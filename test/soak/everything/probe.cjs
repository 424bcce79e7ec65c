// Preloaded into up and its companions: writes every ten seconds how many bytes are in use after a garbage collection, and how
// many the process has written to outside of V8's heap. What only waits to be collected makes a young process look as if it
// leaked, and pages that V8 keeps for new objects make one look so for hours.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { getHeapStatistics, setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

if (process.env.SOAK_PROBE && process.argv[1]?.endsWith('index.cjs')) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  setInterval(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const anonymous = Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    const outside = anonymous - getHeapStatistics().total_physical_size;
    writeFileSync(`${process.env.SOAK_PROBE}/${process.pid}`, `${heapUsed + external} ${outside}`);
  }, 10_000).unref();
}
