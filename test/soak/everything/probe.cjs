// Preloaded into up and its companions: writes every ten seconds how much memory is in use after a garbage collection.
// What only waits to be collected makes a young process look as if it leaked.
'use strict';
const { writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

if (process.env.SOAK_PROBE && process.argv[1]?.endsWith('index.cjs')) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  setInterval(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    writeFileSync(`${process.env.SOAK_PROBE}/${process.pid}`, String(heapUsed + external));
  }, 10_000).unref();
}
